cimport cython
from tapeback.models.order cimport Order

cdef class FillLog:
    cdef public Py_ssize_t rows
    cdef public list orders, rules
    cdef Py_ssize_t _room
    cdef long long[::1] _ts, _signed, _units, _charges
    cdef double[::1] _price, _reference

    @cython.locals(at=Py_ssize_t)
    cpdef add(self, long long ts, long long signed, double price, long long units, long long charges, double reference, Order order, rule)

cdef class MarginLog:
    cdef public Py_ssize_t rows
    cdef Py_ssize_t _room
    cdef long long[::1] _ts, _units

    @cython.locals(at=Py_ssize_t)
    cpdef add(self, long long ts, long long units)
