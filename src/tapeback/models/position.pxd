cdef extern from *:
    """
    typedef struct {
        PyObject_HEAD
        PyObject *cost;
        PyObject *exchange;
        PyObject *grouped;
        PyObject *last_price;
        PyObject *margin;
        PyObject *overnight;
        PyObject *overnight_cost;
        PyObject *part;
        PyObject *product;
        PyObject *quantity;
        PyObject *realised;
        PyObject *resting_buys;
        PyObject *resting_sells;
        PyObject *settled;
        PyObject *symbol;
        PyObject *whole;
    } TapebackPosition;
    """
    ctypedef class tapeback.models.position.Position [object TapebackPosition, check_size error]:
        cdef object cost
        cdef object exchange
        cdef object grouped
        cdef object last_price
        cdef object margin
        cdef object overnight
        cdef object overnight_cost
        cdef object part
        cdef object product
        cdef object quantity
        cdef object realised
        cdef object resting_buys
        cdef object resting_sells
        cdef object settled
        cdef object symbol
        cdef object whole
