cimport cython
from tapeback.core.frictions cimport Frictions
from tapeback.core.path cimport low_first, path_times, price_at
from tapeback.core.portfolio cimport Portfolio
from tapeback.models.candle cimport Candle
from tapeback.models.order cimport Order
from tapeback.models.position cimport Position

from tapeback.market.rulebook cimport SessionHours

cdef double _NOISE

cdef class Book:
    cdef public object instrument, candles, rulebook, most, participation, leader, low_first, holding, locked
    cdef object _terms
    cdef public SessionHours hours
    cdef public long long lot, net
    cdef public Portfolio portfolio
    cdef public Frictions frictions
    cdef public dict positions, charges
    cdef public list falling, rising, arrivals, parked, barred
    cdef public double floor, ceiling, last_close, gate_low, gate_high, limit_slack, lower, upper, price, tick, volume_left
    cdef public bint carried, expired, has_terms, has_volume, hit_high, hit_low, intraday, opposed, plain, slides, squaring, through, walked
    cdef public long long end, session_opens, stale, start, start_shift
    cdef public int leg
    cdef public Candle opened, candle
    cdef public tuple points, times

    cpdef Position position(self, product)
    @cython.locals(buy=bint, fire=double)
    cpdef rest(self, Order order)
    cpdef unpark(self)
    @cython.locals(slack=double)
    cpdef set_gates(self)
    @cython.locals(price=double)
    cpdef double below(self)
    @cython.locals(price=double)
    cpdef double above(self)
    cpdef forget(self)
    @cython.locals(falling=list, rising=list, order=Order, place=cython.longlong, due=list)
    cpdef list reached_at_open(self, double price, long long start)
    @cython.locals(bound=double, price=double, count=int)
    cpdef int touched_at_open(self, long long ts)
    @cython.locals(sign=double, bound=double, slack=double, count=int, fire=double, place=cython.longlong, order=Order, limit=bint)
    cpdef int mark_touched(self, bint down, double extreme, long long ts)
    cpdef long long open_bar(self, Candle candle, long long end)
    cpdef begin(self, Candle candle)
    @cython.locals(candle=Candle)
    cpdef choose_path(self, mode)
    @cython.locals(candle=Candle, leader=Book)
    cpdef bint takes_low_first(self, mode)
    @cython.locals(share=double, volume=double, lot=cython.longlong)
    cpdef double allowance(self, Candle candle)
    cpdef bint dead(self, Candle candle)
    cpdef bint stressed(self, long long ts)

cdef _place(list column, tuple entry)

@cython.locals(place=cython.longlong, order=Order)
cpdef drop_stale(list resting)
