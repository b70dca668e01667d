cimport cython

cdef class Rates:
    cdef dict _of_purchases, _of_sales
    cdef list _of_buying, _of_selling
    cdef object _cap, _cap_grains, _exact_half, _exact_step, _floor, _floor_grains, _half, _step, _of_gst
    cdef public object brokerage, commission, dp, exchange, fee, grain, gst, ipft, rows, sebi
    cdef public object stamp_buy, stamp_sell, tax_buy, tax_sell, taxed
    cdef public bint commodity

    @cython.locals(known=dict)
    cpdef object cost(self, bint buy, object value, object before)
    cpdef object _sum(self, bint buy, object value)
