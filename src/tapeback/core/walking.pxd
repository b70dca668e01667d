cimport cython
from tapeback.core.book cimport Book, drop_stale
from tapeback.core.matching cimport Matching
from tapeback.core.portfolio cimport Portfolio
from tapeback.models.candle cimport Candle
from tapeback.models.order cimport Order

from tapeback.core.columns cimport FillLog

cdef double _NOISE

cdef class Walking(Matching):
    cdef public list active
    cdef str _intrabar
    cdef long long _latency
    cdef Book _current, _sole
    cdef list _due

    cpdef arrive(self, Book book, Order order, change)
    cpdef square_off(self, Book book)
    cpdef end_intraday(self, Book book)
    @cython.locals(start=cython.longlong, price=double, low=double, high=double, slack=double)
    cpdef meet(self, Book book, Candle candle, long long end)
    @cython.locals(leg=int, start=double, target=double, points=tuple, ts=cython.longlong)
    cpdef _walk_legs(self, Book book)
    @cython.locals(log=FillLog, times=tuple, place=cython.longlong, order=Order, at=double, begins=cython.longlong, before=Py_ssize_t, slack=double)
    cpdef _fall(self, Book book, int leg, double start, double target)
    @cython.locals(log=FillLog, times=tuple, price=double, place=cython.longlong, order=Order, at=double, begins=cython.longlong, before=Py_ssize_t, slack=double)
    cpdef _rise(self, Book book, int leg, double start, double target)
    @cython.locals(due=list, arrived=cython.longlong, seq=cython.longlong, order=Order, book=Book)
    cpdef _meet_due(self)
    cpdef long long _next(self, Book book, long long until)
    cpdef _step(self, Book book, long long ts)
    cpdef activate(self, Book book, long long ts)
    cpdef close_bar(self, Book book)
