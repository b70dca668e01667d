cimport cython
from tapeback.core.book cimport Book
from tapeback.core.walking cimport Walking
from tapeback.core.portfolio cimport Portfolio
from tapeback.models.order cimport Order
from tapeback.models.position cimport Position

cdef class OrderSimulator(Walking):
    cdef public list summoned, modified
    cdef public bint over
    cdef public object squared_off
    cdef bint _next_open, _at_next_open

    cpdef double last_price(self, Book book)
    cpdef accept(self, Book book, Order order)
    cpdef fill_at_last_close(self, Book book, Order order, rule)
    cpdef request_cancel(self, Order order)
    cpdef _queue(self, Book book, long long ts, Order order, change)
    cpdef bint _at_market(self, Book book)
    cpdef modify(self, Book book, Order order, change)
    cpdef _reserve(self, Book book, Order order)
