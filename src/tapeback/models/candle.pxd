cdef extern from *:
    """
    typedef struct {
        PyObject_HEAD
        PyObject *close;
        PyObject *high;
        PyObject *low;
        PyObject *oi;
        PyObject *open;
        PyObject *series;
        PyObject *ts;
        PyObject *volume;
    } TapebackCandle;
    """
    ctypedef class tapeback.models.candle.Candle [object TapebackCandle, check_size error]:
        cdef object close
        cdef object high
        cdef object low
        cdef object oi
        cdef object open
        cdef object series
        cdef object ts
        cdef object volume
