"""Contracts that a script names: modelled, mapped, aliased."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.scripts.conftest import Play

NIFTY: dict[str, Any] = {"symbol": "NIFTY", "exchange": "NSE_INDEX", "use_synthetic": True}


def nifty(**data: Any) -> dict[str, Any]:
    dates = {"start": "2024-06-03", "end": "2024-06-04", "timeframe": "1m"}
    return {"data": {**NIFTY, **dates, **data}}


def test_an_option_without_bars_is_no_data_unless_a_model_is_asked_for(play: Play) -> None:
    played = play("straddle", settings=nifty())
    assert played.outcome.status == "bot_failed"
    assert played.document["fills"] == []


def test_a_straddle_at_modelled_prices_is_marked_and_repeated(play: Play) -> None:
    modelled = nifty(options_data="modelled", option_volatility=0.14)
    played = play("straddle", settings=modelled)
    assert played.outcome.status == "bot_exited", played.outcome.why
    assert len(played.document["fills"]) == 8
    assert played.document["verdict"] == "doubtful"
    codes = {finding["code"] for finding in played.document["findings"]}
    assert "modelled-fills" in codes
    low, high = (played.outcome.nets_by_volatility[shift] for shift in (-0.02, 0.02))
    net = played.document["metrics"]["net_pnl"]
    assert min(low, high) < net < max(low, high)


def test_a_symbol_is_answered_with_another_s_bars(play: Play, tmp_path: Path) -> None:
    bot = tmp_path / "alias.py"
    bot.write_text(
        "import time\nfrom openalgo import api\nclient = api(api_key='x')\ntime.sleep(3600)\n"
        "one, other = (client.quotes(symbol=s, exchange=e)['data']['ltp'] for s, e in "
        "(('NIFTY', 'NSE_INDEX'), ('RELIANCE', 'NSE')))\nprint(one == other)\n"
    )
    played = play(bot, settings=nifty(), aliases=("RELIANCE:NSE=NIFTY:NSE_INDEX",))
    assert set(played.said) == {"True"}


def test_a_symbol_that_was_only_subscribed_to_can_be_traded(play: Play, tmp_path: Path) -> None:
    bot = tmp_path / "later.py"
    bot.write_text(
        "import time\nfrom openalgo import api\nclient = api(api_key='x')\nclient.connect()\n"
        "client.subscribe_ltp([{'symbol': 'RELIANCE', 'exchange': 'NSE'}])\ntime.sleep(3600)\n"
        "print(client.placeorder(symbol='RELIANCE', exchange='NSE', action='BUY', quantity=1, "
        "product='CNC')['status'])\ntime.sleep(60)\n"
    )
    played = play(bot, settings=nifty(), aliases=("RELIANCE:NSE=NIFTY:NSE_INDEX",))
    assert set(played.said) == {"success"}
    assert {fill["symbol"] for fill in played.document["fills"]} == {"RELIANCE"}


def test_a_typed_future_stands_for_the_near_month(play: Play, tmp_path: Path) -> None:
    """The bot names a contract of 2026; on the dates run it is the future of June 2024."""
    near = tmp_path / "NIFTY27JUN24FUT.csv"
    rows = ["datetime,open,high,low,close,volume"]
    for day in ("2024-06-03", "2024-06-04"):
        for minute in range(375):
            clock = f"{9 + (15 + minute) // 60:02}:{(15 + minute) % 60:02}"
            price = 23_000 + minute % 40
            rows.append(f"{day} {clock},{price},{price + 5},{price - 5},{price + 1},50000")
    near.write_text("\n".join(rows))
    bot = tmp_path / "typed.py"
    bot.write_text(
        "import time\nfrom openalgo import api\nclient = api(api_key='x')\ntime.sleep(3600)\n"
        "name = 'NIFTY24NOV26FUT'\n"
        "print(client.placeorder(symbol=name, exchange='NFO', action='BUY', quantity=25, "
        "product='NRML')['status'])\ntime.sleep(60)\n"
        "print([row['symbol'] for row in client.positionbook()['data']])\n"
    )
    data = {"files": [f"NIFTY27JUN24FUT:NFO:1m={near}"], "start": "2024-06-03", "end": "2024-06-04"}
    played = play(
        bot,
        settings={"data": {**data, "use_synthetic": False}},
        maps=("NIFTY24NOV26FUT=NIFTY-I",),
        end="2024-06-04",
    )
    assert played.said[:2] == ["success", "['NIFTY24NOV26FUT']"]
    assert {fill["symbol"] for fill in played.document["fills"]} == {"NIFTY27JUN24FUT"}
    assert "mapped" in {finding["code"] for finding in played.document["findings"]}
