cimport cython

cdef long long _MILLISECOND

@cython.locals(down=double, up=double)
cpdef bint low_first(str mode, long long net, double open, double high, double low)
cpdef double price_at(tuple points, tuple times, long long ts)
@cython.locals(span=cython.longlong, last=cython.longlong)
cpdef tuple path_times(long long start, long long end)
