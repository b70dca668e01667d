cimport cython
from tapeback.core.book cimport Book
from tapeback.core.order_simulator cimport OrderSimulator
from tapeback.core.portfolio cimport Portfolio
from tapeback.models.candle cimport Candle

cdef class BacktestEngine:
    cdef public tuple series
    cdef public object rules, rulebook, clearing, _progress, _corporate
    cdef public Portfolio portfolio
    cdef public OrderSimulator simulator
    cdef public list faults, _shown
    cdef public bint _cancelled
    cdef public object _strategy, _total, _done
    cdef public dict _resampled
    cdef public tuple _finest
    @cython.locals(simulator=OrderSimulator, candle=Candle, low=double, high=double, end=cython.longlong)
    cpdef _play(self, bars, Book book)
