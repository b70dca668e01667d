cdef extern from *:
    """
    typedef struct {
        PyObject_HEAD
        PyObject *action;
        PyObject *average_price;
        PyObject *ended_ts;
        PyObject *exchange;
        PyObject *filled_quantity;
        PyObject *filled_ts;
        PyObject *modifications;
        PyObject *oco;
        PyObject *orderid;
        PyObject *parent;
        PyObject *placed_ts;
        PyObject *price;
        PyObject *pricetype;
        PyObject *product;
        PyObject *protection;
        PyObject *quantity;
        PyObject *refused_by;
        PyObject *rejection_reason;
        PyObject *remedy;
        PyObject *reserved;
        PyObject *seq;
        PyObject *status;
        PyObject *stop_loss;
        PyObject *strategy;
        PyObject *symbol;
        PyObject *target;
        PyObject *touched_ts;
        PyObject *trigger_price;
        PyObject *triggered_ts;
        PyObject *turnover;
    } TapebackOrder;
    """
    ctypedef class tapeback.models.order.Order [object TapebackOrder, check_size error]:
        cdef object action
        cdef object average_price
        cdef object ended_ts
        cdef object exchange
        cdef object filled_quantity
        cdef object filled_ts
        cdef object modifications
        cdef object oco
        cdef object orderid
        cdef object parent
        cdef object placed_ts
        cdef object price
        cdef object pricetype
        cdef object product
        cdef object protection
        cdef object quantity
        cdef object refused_by
        cdef object rejection_reason
        cdef object remedy
        cdef object reserved
        cdef object seq
        cdef object status
        cdef object stop_loss
        cdef object strategy
        cdef object symbol
        cdef object target
        cdef object touched_ts
        cdef object trigger_price
        cdef object triggered_ts
        cdef object turnover
