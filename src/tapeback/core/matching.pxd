cimport cython
from tapeback.core.book cimport Book
from tapeback.core.portfolio cimport Portfolio
from tapeback.market.costs.rates cimport Rates
from tapeback.models.order cimport Order
from tapeback.models.position cimport Position

from tapeback.core.columns cimport FillLog, MarginLog

cdef extern from "<math.h>" nogil:
    long long round "llrint"(double)

cdef double _RUPEE

cdef class Matching:
    cdef public object rules, orders, ledger, events, listener, on_fault
    cdef public Portfolio portfolio
    cdef public dict books, shortfalls
    cdef public list ambiguous
    cdef public long long now, changes
    cdef public bint walking
    cdef public object touch_misses, left_resting
    cdef bint _margined, _live, _delivering
    cdef list _placed
    cdef public MarginLog margin_log
    cdef FillLog _log
    cdef dict _groups
    cdef long long _seq, _id_until
    cdef str _id_prefix

    @cython.locals(now=cython.longlong, placed=list)
    cpdef register(self, Order order)
    cpdef end(self, Order order, status)
    cpdef cancel(self, Book book, Order order, reason=*)
    cpdef release(self, Book book, Order order, quantity)
    cpdef note_margin(self)
    cpdef notify(self, Order order)
    cpdef deliver(self)
    @cython.locals(price=double, limit=double, buy=bint)
    cpdef enter(self, Book book, Order order)
    @cython.locals(quantity=cython.longlong, reference=double)
    cpdef reach(self, Book book, Order order, double price, bint gap)
    @cython.locals(share=double, quantity=cython.longlong, over=cython.longlong, price=double)
    cpdef fill_market(self, Book book, Order order, double reference, rule, bint stop)
    cpdef _leave_resting(self, Book book, Order order)
    cpdef _trigger(self, Book book, Order order, double price)
    @cython.locals(quantity=cython.longlong, price=double)
    cpdef _fill_marketable(self, Book book, Order order, double reference, rule, bint stop)
    @cython.locals(left=double, quantity=cython.longlong)
    cpdef long long _share(self, Book book, Order order)
    cpdef object _moved(self, Book book, Order order, double reference, long long quantity, long long over, bint stop)
    @cython.locals(now=cython.longlong, portfolio=Portfolio, position=Position, rates=Rates, signed=cython.longlong, units=cython.longlong, value=cython.longlong, filled=cython.longlong, total=cython.longlong)
    cpdef _execute(self, Book book, Order order, long long quantity, double price, double reference, parts, rule, bint thin, long long charges=*)
    cpdef send(self, Book book, Order order, change)
    cpdef bint _unheld(self, Book book, Order order)
    cpdef Book book_of(self, Order order)
    cpdef mark_ambiguous(self, Book book)
    cpdef _tend_linked(self, Book book, Order order, quantity)
