cimport cython
from tapeback.broker.rules cimport off_grid
from tapeback.core.book cimport Book
from tapeback.core.order_simulator cimport OrderSimulator
from tapeback.core.portfolio cimport Portfolio
from tapeback.models.order cimport Order
from tapeback.models.position cimport Position

cdef class BrokerService:
    cdef public object engine, rules, rulebook, symbol, exchange, bot_units, checks, margin_warnings, price_of
    cdef public OrderSimulator simulator
    cdef public Portfolio portfolio
    cdef bint _strict, _live, _margined
    cdef long long _needed
    cdef object _product
    cdef dict _books, _products, _ordinary, _exchanges
    cdef Book _book

    @cython.locals(order=Order, book=Book)
    cpdef Order place(self, action, quantity, symbol=*, exchange=*, pricetype=*, product=*, price=*, trigger_price=*, strategy=*, stop_loss=*, target=*)
    @cython.locals(simulator=OrderSimulator)
    cpdef Order _take(self, Order order, Book book)
    @cython.locals(now=cython.longlong, square_off=cython.longlong, closes=cython.longlong, price=double)
    cpdef bint _plain(self, Order order, Book book)
    @cython.locals(position=Position)
    cpdef object _block(self, Order order, Book book)
    @cython.locals(portfolio=Portfolio, position=Position, needed=cython.longlong)
    cpdef object _unaffordable(self, Order order, Book book, quantity)
    @cython.locals(book=Book)
    cpdef object net_quantity(self, symbol=*, exchange=*)
