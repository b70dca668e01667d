cimport cython

cdef extern from "<math.h>" nogil:
    long long round "llrint"(double)

cdef double _EPSILON

cdef class Frictions:
    cdef object _instrument, _candles, _sigmas, _bps, _ticks
    cdef double _dial, _spread, _impact, _tick, _least, _percent
    cdef bint _on_grid, _tabled, _moving_class
    cdef long long _per_rupee
    cdef public bint free
    cdef public dict used

    cpdef set_tick(self, double tick)
    @cython.locals(spread=double, slippage=double, impact=double, moved=double, exact=double, price=double)
    cpdef tuple price(self, bint buy, double reference, bint stressed, long long over, long long quantity, long long ts, double volume)
    cpdef double beside(self, double price, int ticks)
    @cython.locals(ticks=double)
    cpdef double onto_grid(self, double price, bint up)
    cpdef _choose_class(self, double reference)
    cpdef double _pressure(self, double reference, long long over, long long quantity, long long ts, double volume)
