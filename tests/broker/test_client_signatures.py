"""The stand-in takes what the SDK takes: every method, every parameter, every default.

The installed release is asked itself. That of 2.0.5 needs a newer Python, so it is restated here.
"""

from __future__ import annotations

import inspect
import warnings
from types import ModuleType
from typing import Any

import pytest

from tapeback.strategies.openalgo_module import openalgo_module
from tests.broker.conftest import bars, run_script

API_2_0_5 = """
__init__(api_key, host='http://127.0.0.1:5000', version='v1', timeout=120.0, ws_port=8765,
    ws_url=None, verbose=False, auto_reconnect=True)
placeorder(*, strategy='Python', symbol, action, exchange, price_type='MARKET', product='MIS',
    quantity=1, **kwargs)
placesmartorder(*, strategy='Python', symbol, action, exchange, price_type='MARKET',
    product='MIS', quantity=1, position_size, **kwargs)
basketorder(*, strategy='Python', orders, **kwargs)
splitorder(*, strategy='Python', symbol, action, exchange, quantity, splitsize,
    price_type='MARKET', product='MIS', **kwargs)
orderstatus(*, order_id, strategy='Python', **kwargs)
openposition(*, strategy='Python', symbol, exchange, product, **kwargs)
modifyorder(*, order_id, strategy='Python', symbol, action, exchange, price_type='LIMIT',
    product, quantity, price, disclosed_quantity='0', trigger_price='0', **kwargs)
cancelorder(*, order_id, strategy='Python', **kwargs)
closeposition(*, strategy='Python', **kwargs)
cancelallorder(*, strategy='Python', **kwargs)
placegttorder(*, strategy='Python', symbol, action, exchange, trigger_type='SINGLE',
    product='CNC', quantity=1, price_type='LIMIT', price=0, triggerprice_sl=0,
    triggerprice_tg=0, stoploss=None, target=None, **kwargs)
modifygttorder(*, trigger_id, strategy='Python', symbol, action, exchange,
    trigger_type='SINGLE', product='CNC', quantity=1, price_type='LIMIT', price=0,
    triggerprice_sl=0, triggerprice_tg=0, stoploss=None, target=None, **kwargs)
cancelgttorder(*, trigger_id, strategy='Python', **kwargs)
gttorderbook(**kwargs)
quotes(*, symbol, exchange, **kwargs)
multiquotes(*, symbols, **kwargs)
depth(*, symbol, exchange, **kwargs)
symbol(*, symbol, exchange, **kwargs)
search(*, query, exchange=None, **kwargs)
history(*, symbol, exchange, interval, start_date, end_date, source='api', **kwargs)
intervals(**kwargs)
interval()
expiry(*, symbol, exchange, instrumenttype, **kwargs)
instruments(*, exchange=None)
syntheticfuture(*, underlying, exchange, expiry_date, **kwargs)
funds(**kwargs)
orderbook(**kwargs)
tradebook(**kwargs)
positionbook(**kwargs)
holdings(**kwargs)
analyzerstatus(**kwargs)
analyzertoggle(mode, **kwargs)
margin(*, positions, **kwargs)
connect()
disconnect()
subscribe_ltp(instruments, on_data_received=None)
unsubscribe_ltp(instruments)
subscribe_quote(instruments, on_data_received=None)
unsubscribe_quote(instruments)
subscribe_depth(instruments, on_data_received=None)
unsubscribe_depth(instruments)
subscribe_orders(on_order_update=None)
unsubscribe_orders()
get_orders()
get_ltp(exchange=None, symbol=None)
get_quotes(exchange=None, symbol=None)
get_depth(exchange=None, symbol=None)
optiongreeks(*, symbol, exchange, interest_rate=None, forward_price=None,
    underlying_symbol=None, underlying_exchange=None, expiry_time=None, **kwargs)
optionsorder(*, strategy='Python', underlying, exchange, strike_int=None, offset, option_type,
    action, quantity, expiry_date=None, price_type='MARKET', product='MIS', **kwargs)
optionsymbol(*, strategy=None, underlying, exchange, strike_int=None, offset, option_type,
    expiry_date=None, **kwargs)
optionsmultiorder(*, strategy, underlying, exchange, legs, expiry_date=None, strike_int=None,
    **kwargs)
optionchain(*, underlying, exchange, expiry_date=None, strike_count=None, **kwargs)
strategylist(*, status=None, q=None, **kwargs)
strategystatus(*, strategy_id, **kwargs)
strategystart(*, strategy_id, mode, **kwargs)
strategystop(*, strategy_id, **kwargs)
strategycloseall(*, strategy_id, **kwargs)
strategycloseleg(*, strategy_id, leg_id, **kwargs)
strategyruns(*, strategy_id, limit=None, **kwargs)
strategyorders(*, strategy_id, run_id=None, **kwargs)
strategyevents(*, strategy_id, run_id=None, kind=None, severity=None, limit=None, **kwargs)
telegram(*, username, message, priority=5, **kwargs)
whatsapp(message=None, *, to=None, username=None, image=None, document=None, caption=None,
    filename=None, wait_for_delivery=True, **kwargs)
holidays(year=None)
timings(date=None)
close()
"""

STRATEGY_2_0_5 = """
__init__(host_url, webhook_id=None, *, webhook_token=None, timeout=30.0)
close()
send(payload)
start(mode)
stop()
signal(action, *, leg_id=None, symbol=None, exchange=None)
long_entry(*, leg_id=None, symbol=None, exchange=None)
long_exit(*, leg_id=None, symbol=None, exchange=None)
short_entry(*, leg_id=None, symbol=None, exchange=None)
short_exit(*, leg_id=None, symbol=None, exchange=None)
strategyorder(symbol, action, position_size=None)
"""

# Of the newer release; the older one has the rest of these as well.
ATTRIBUTES = {
    "api_key", "authenticated", "auto_reconnect", "base_url", "connected", "depth_callback",
    "depth_data", "headers", "lock", "ltp_callback", "ltp_data", "message_queue",
    "order_callback", "order_data", "quote_callback", "quotes_callback", "quotes_data",
    "timeout", "verbose", "ws", "ws_host", "ws_port", "ws_thread", "ws_url",
}  # fmt: skip


@pytest.fixture(scope="module")
def module() -> ModuleType:
    return openalgo_module(run_script(None, bars([100.0, 101.0])).client.account)


@pytest.fixture(scope="module")
def sdk() -> Any:
    """The real SDK, as installed by the extra `live`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("openalgo")


def signature(name: str, function: Any) -> str:
    """`name(parameters)` without annotations and self."""
    found = inspect.signature(function)
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in found.parameters.values()
        if parameter.name != "self"
    ]
    return name + str(found.replace(parameters=parameters, return_annotation=found.empty))


def public(kind: Any) -> dict[str, Any]:
    names = (name for name in dir(kind) if not name.startswith("_"))
    return {name: getattr(kind, name) for name in names if callable(getattr(kind, name))}


def restated(text: str) -> dict[str, str]:
    joined = text.replace("\n    ", " ").strip().splitlines()
    return {line.partition("(")[0]: line for line in joined}


@pytest.mark.parametrize(("kind", "text"), [("api", API_2_0_5), ("Strategy", STRATEGY_2_0_5)])
def test_every_call_of_the_newer_sdk(module: ModuleType, kind: str, text: str) -> None:
    ours = getattr(module, kind)
    expected = restated(text)
    found = {name: signature(name, getattr(ours, name)) for name in expected if hasattr(ours, name)}
    assert found == expected


def test_no_call_that_no_sdk_has(module: ModuleType) -> None:
    """A bot that misspells a call fails here as it does live."""
    assert set(public(module.api)) <= set(restated(API_2_0_5))
    assert set(public(module.Strategy)) <= set(restated(STRATEGY_2_0_5))
    client = module.api("key")
    assert {name for name in vars(client) if not name.startswith("_")} <= ATTRIBUTES
    assert all(hasattr(client, name) for name in ATTRIBUTES)


def test_every_call_of_the_installed_sdk(module: ModuleType, sdk: Any) -> None:
    theirs = public(sdk.api)
    assert len(theirs) > 45
    ours = {name: signature(name, getattr(module.api, name)) for name in theirs}
    assert ours == {name: signature(name, call) for name, call in theirs.items()}


@pytest.mark.parametrize("kind", ["api", "Strategy"])
def test_constructors_begin_as_those_of_the_installed_sdk(
    module: ModuleType, sdk: Any, kind: str
) -> None:
    ours = inspect.signature(getattr(module, kind)).parameters
    theirs = inspect.signature(getattr(sdk, kind)).parameters
    assert list(ours)[: len(theirs)] == list(theirs)
    for name, parameter in theirs.items():
        assert ours[name].kind == parameter.kind
        if kind == "api":
            assert ours[name].default == parameter.default, name


def test_the_webhook_call_of_the_installed_sdk(module: ModuleType, sdk: Any) -> None:
    call = sdk.Strategy.strategyorder
    assert signature("strategyorder", module.Strategy.strategyorder) == signature(
        "strategyorder", call
    )


def test_the_installed_sdk_has_no_attribute_that_a_client_lacks(
    module: ModuleType, sdk: Any
) -> None:
    client = module.api("key")
    assert [name for name in vars(sdk.api("key")) if not hasattr(client, name)] == []
