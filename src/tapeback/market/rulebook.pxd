cdef extern from *:
    """
    typedef struct {
        PyObject_HEAD
        PyObject *closes;
        PyObject *continuous_ends;
        PyObject *day;
        PyObject *opens;
        PyObject *square_off;
    } TapebackSessionHours;
    """
    ctypedef class tapeback.market.rulebook.SessionHours [object TapebackSessionHours, check_size error]:
        cdef object closes
        cdef object continuous_ends
        cdef object day
        cdef object opens
        cdef object square_off
