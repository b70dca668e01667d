cimport cython
from tapeback.models.order cimport Order

cdef class _Lot:
    cdef public object fees, value
    cdef public long long quantity, ts
    cdef public bint long
    cdef public Order order
    cdef public list matches

    @cython.locals(match=_Match)
    cpdef tuple match_with(self, Order order, long long quantity)

cdef class _Match:
    cdef public _Lot lot
    cdef public Order order
    cdef public object entry_value, exit_value, fees
    cdef public long long quantity, ts

    @cython.locals(lot=_Lot)
    cpdef add(self, long long ts, long long quantity, object price, object fees)
    cpdef object profit(self)

@cython.locals(ts=cython.longlong, order=Order, signed=cython.longlong, long=bint, left=cython.longlong, lot=_Lot, newest=_Lot, match=_Match, quantity=cython.longlong, new=bint)
cpdef match_trades(ledger, charges=*)
