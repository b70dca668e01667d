cimport cython
from tapeback.models.order cimport Order
from tapeback.models.position cimport Position

cdef extern from "<math.h>" nogil:
    long long round "llrint"(double)

cdef double _RUPEE

cdef class Portfolio:
    cdef public object initial
    cdef public long long cash_units, available_units, blocked_units, held_back
    cdef public bint margined
    cdef public dict groups, positions
    cdef dict _group_of

    cpdef Position position(self, symbol, exchange, product)
    @cython.locals(profit=cython.longlong, freed=cython.longlong, remaining=cython.longlong)
    cpdef settle(self, Order order, Position position, long long signed, long long price, long long charges)
    @cython.locals(blocked=cython.longlong, freed=cython.longlong)
    cpdef long long _rebook(self, Position position)
    @cython.locals(free=cython.longlong, excess=cython.longlong)
    cpdef long long requirement(self, Position position, action, long long quantity, double price)
    cpdef reserve(self, Order order, Position position, long long units)
    cpdef release(self, Order order, Position position, long long quantity)

@cython.locals(wide=object)
cdef long long _share(long long value, long long part, long long whole)

@cython.locals(held=cython.longlong, profit=cython.longlong)
cpdef long long book_execution(Position position, long long signed, long long price)
