cdef double _GRID_NOISE

cpdef bint off_grid(double price, double tick)
