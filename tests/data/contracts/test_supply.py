"""What a script's run has of instruments that nobody loaded for it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapeback.data.cache import CacheManager
from tapeback.data.contracts.continuous import continuous
from tapeback.data.contracts.mapping import ContractMap, parse_alias, parse_map
from tapeback.data.contracts.modelled import modelled_option
from tapeback.data.contracts.ruled import RuledContracts, strike_step
from tapeback.data.contracts.supply import Modelling, Supply
from tapeback.data.historify import HistorifyDataProvider
from tapeback.data.provider import DataRequest
from tapeback.errors import ConfigError
from tapeback.market.candles import Candles
from tapeback.market.contracts.master import Listing, MasterContract
from tapeback.market.instruments import instrument_of
from tapeback.models.instrument import Instrument
from tapeback.models.verdict import verdict_of
from tapeback.utils.clock import date_of, day_of, midnight
from tests.core.taping import taped
from tests.data.contracts.samples import ClockAt, at, bars, keep
from tests.data.historify_file import add, make

FIRST, LAST = date(2024, 7, 16), date(2024, 7, 26)
EARLIER = date(2024, 7, 10)
NIFTY = ("NIFTY", "NSE_INDEX")
JULY, AUGUST = "NIFTY25JUL24FUT", "NIFTY29AUG24FUT"
CALL, PUT, WEEKLY = "NIFTY25JUL2424400CE", "NIFTY25JUL2424400PE", "NIFTY18JUL2424400CE"


@pytest.fixture
def cache(tmp_path: Path) -> CacheManager:
    return CacheManager(tmp_path / "cache", clock=ClockAt(2026, 11, 2, 18, 0))


@pytest.fixture(scope="module")
def spot() -> Candles:
    return bars("NIFTY", "NSE_INDEX", EARLIER, LAST, timeframe="5m", price=24_400)


def supply(cache: CacheManager, own: Sequence[Candles] = (), **changes: object) -> Supply:
    days = {"first_day": day_of(FIRST), "last_day": day_of(LAST)}
    return Supply(own, cache=cache, **{**days, **changes})  # type: ignore[arg-type]


def given_by(source: Supply, symbol: str, exchange: str = "NFO") -> Candles:
    found = source(symbol, exchange)
    assert found is not None, source.absent
    return found


class TestOrder:
    def test_the_runs_own_series_comes_first(self, cache: CacheManager) -> None:
        keep(cache, bars("SBIN", "NSE", FIRST, LAST, price=800))
        coarse = bars("SBIN", "NSE", FIRST, LAST, timeframe="1h", price=500)
        fine = bars("SBIN", "NSE", FIRST, LAST, timeframe="5m", price=500)
        source = supply(cache, [coarse, fine])
        assert source("SBIN", "NSE") is fine

    def test_the_cache_gives_the_finest_with_all_that_came_before(
        self, cache: CacheManager
    ) -> None:
        keep(cache, bars("SBIN", "NSE", EARLIER, date(2024, 8, 2), timeframe="5m", price=800))
        keep(cache, bars("SBIN", "NSE", EARLIER, date(2024, 8, 2), timeframe="1d", price=800))
        found = given_by(supply(cache), "SBIN", "NSE")
        assert found.timeframe == "5m"
        assert (date_of(int(found.ts[0])), date_of(int(found.ts[-1]))) == (EARLIER, LAST)
        assert found.origin.kind == "cache"
        assert found.origin.examined

    def test_the_finest_is_that_of_the_runs_days(self, cache: CacheManager) -> None:
        keep(cache, bars("SBIN", "NSE", date(2024, 1, 1), date(2024, 1, 3), price=800))
        keep(cache, bars("SBIN", "NSE", EARLIER, LAST, timeframe="15m", price=800))
        assert given_by(supply(cache), "SBIN", "NSE").timeframe == "15m"
        cache.clear(symbol="SBIN", timeframe="15m")
        assert supply(cache)("SBIN", "NSE") is None

    def test_historify_comes_after_the_cache(self, cache: CacheManager, tmp_path: Path) -> None:
        path = make(tmp_path / "historify.duckdb")
        add(path, bars("SBIN", "NSE", EARLIER, LAST, price=700))
        add(path, bars("INFY", "NSE", EARLIER, LAST, price=1_500))
        keep(cache, bars("SBIN", "NSE", EARLIER, LAST, price=800))
        source = supply(cache, historify=HistorifyDataProvider(path))
        assert given_by(source, "SBIN", "NSE").origin.kind == "cache"
        assert given_by(source, "INFY", "NSE").origin.kind == "historify"
        assert supply(cache)("INFY", "NSE") is None

    def test_what_ended_before_the_run_is_nothing(
        self, cache: CacheManager, tmp_path: Path
    ) -> None:
        path = make(tmp_path / "historify.duckdb")
        add(path, bars("INFY", "NSE", date(2024, 7, 8), date(2024, 7, 15), price=1_500))
        source = supply(cache, historify=HistorifyDataProvider(path))
        assert source("INFY", "NSE") is None
        assert ("INFY", "NSE") in source.absent

    def test_continuous_futures_are_made_of_the_cache(self, cache: CacheManager) -> None:
        keep(cache, bars(JULY, "NFO", EARLIER, date(2024, 7, 25), timeframe="5m", price=24_450))
        keep(cache, bars(AUGUST, "NFO", EARLIER, LAST, timeframe="5m", price=24_600))
        found = given_by(supply(cache), "NIFTY-I")
        request = DataRequest(symbol="NIFTY-I", exchange="NFO", end=LAST)
        assert found.sha256 == continuous(request, cache).sha256

    def test_an_alias_goes_before_the_cache(self, cache: CacheManager, spot: Candles) -> None:
        keep(cache, bars("RELIANCE", "NSE", EARLIER, LAST, price=3_000))
        alias = parse_alias("RELIANCE:NSE=NIFTY:NSE_INDEX")
        found = given_by(supply(cache, [spot], aliases=[alias]), "RELIANCE", "NSE")
        assert np.array_equal(found.close, spot.close)
        assert found.symbol == "RELIANCE"
        assert "alias" in {finding.code for finding in found.findings}

    def test_a_model_comes_last(self, cache: CacheManager, spot: Candles) -> None:
        stored = bars(CALL, "NFO", FIRST, date(2024, 7, 25), timeframe="5m", price=300)
        keep(cache, stored)
        source = supply(cache, [spot], modelling=Modelling(0.14))
        assert given_by(source, CALL).origin.kind == "cache"
        assert given_by(source, PUT).origin.kind == "modelled"
        assert source.modelled == {(PUT, "NFO")}

    def test_each_is_loaded_once(self, cache: CacheManager, spot: Candles) -> None:
        keep(cache, bars("SBIN", "NSE", EARLIER, LAST, timeframe="5m", price=800))
        source = supply(cache, [spot], modelling=Modelling(0.14))
        first = [source("SBIN", "NSE"), source(CALL, "NFO"), source("TCS", "NSE")]
        cache.clear()
        again = [source("SBIN", "NSE"), source(CALL, "NFO"), source("TCS", "NSE")]
        assert all(one is other for one, other in zip(first, again, strict=True))

    def test_where_all_of_it_comes_from_is_kept(self, cache: CacheManager, spot: Candles) -> None:
        keep(cache, bars("INDIAVIX", "NSE_INDEX", EARLIER, LAST, timeframe="5m", price=14))
        source = supply(cache, [spot], modelling=Modelling())
        given_by(source, CALL)
        kinds = {name: origin.kind for name, origin in source.origins}
        assert kinds == {
            "NIFTY:NSE_INDEX:5m": "synthetic",
            "INDIAVIX:NSE_INDEX:5m": "cache",
            f"{CALL}:NFO:5m": "modelled",
        }


class TestAbsent:
    def test_it_is_noted_once_with_the_command_that_fetches_it(self, cache: CacheManager) -> None:
        source = supply(cache)
        for _ in range(3):
            assert source("TCS", "NSE") is None
        (absent,) = source.absent.values()
        assert (absent.symbol, absent.exchange) == ("TCS", "NSE")
        assert absent.reason == "no bars of it are kept of 2024-07-16 to 2024-07-26"
        assert absent.remedy == (
            "Fetch them: tapeback data fetch TCS --exchange NSE --timeframe 1m "
            "--start 2024-07-16 --end 2024-07-26."
        )

    @pytest.mark.parametrize(
        ("symbol", "exchange", "reason", "remedy"),
        [
            # The clock of these tests stands in November 2026.
            (CALL, "NFO", "no bars", "tapeback data import FILE, or let a model price it: --set"),
            (JULY, "NFO", "no bars", "tapeback data import FILE."),
            ("NIFTY27JUN24FUT", "NFO", "it expired on 27JUN24", "--map"),
            ("NIFTY24NOV26FUT", "NFO", "not listed yet", "--map NIFTY24NOV26FUT=NIFTY-I."),
            (
                "NIFTY28NOV2624000PE", "NFO", "not listed yet",
                "--map NIFTY28NOV2624000PE=NIFTY:week1:ATM:PE.",
            ),
            ("BANKNIFTY-I", "NFO", "no bars", "tapeback data import FOLDER"),
            ("SBIN", "NSX", "there is no exchange NSX", "exchange"),
        ],
    )  # fmt: skip
    def test_the_remedy_fits_what_is_missing(
        self, cache: CacheManager, symbol: str, exchange: str, reason: str, remedy: str
    ) -> None:
        source = supply(cache)
        assert source(symbol, exchange) is None
        absent = source.absent[symbol, exchange]
        assert reason in absent.reason
        assert remedy in absent.remedy

    def test_every_map_that_is_proposed_can_be_read(self, cache: CacheManager) -> None:
        source = supply(cache)
        for symbol in ("NIFTY24NOV26FUT", "SENSEX27NOV2680000CE"):
            source(symbol, "BFO" if symbol.startswith("SENSEX") else "NFO")
        for absent in source.absent.values():
            assert parse_map(absent.remedy.partition("--map ")[2].rstrip(".")).typed.symbol

    def test_of_an_alias_what_it_was_given_is_what_is_missing(self, cache: CacheManager) -> None:
        source = supply(cache, aliases=[parse_alias("RELIANCE:NSE=TCS:NSE")])
        assert source("RELIANCE", "NSE") is None
        assert "data fetch TCS " in source.absent["RELIANCE", "NSE"].remedy

    def test_aliases_that_contradict_are_refused(self, cache: CacheManager, spot: Candles) -> None:
        for texts, told in (
            (["NIFTY:NSE_INDEX=SBIN:NSE"], "bars of its own"),
            (["TCS:NSE=SBIN:NSE", "TCS:NSE=INFY:NSE"], "given twice"),
        ):
            with pytest.raises(ConfigError, match=told):
                supply(cache, [spot], aliases=[parse_alias(text) for text in texts])


class TestModel:
    def test_only_on_request(self, cache: CacheManager, spot: Candles) -> None:
        assert supply(cache, [spot])(CALL, "NFO") is None

    def test_it_prices_by_the_spot(self, cache: CacheManager, spot: Candles) -> None:
        found = given_by(supply(cache, [spot], modelling=Modelling(0.14)), CALL)
        made = modelled_option(instrument_of(CALL, "NFO"), spot, volatility=0.14)
        assert found.sha256 == made.sha256
        assert verdict_of(origins=[found.origin]).grade == "doubtful"

    def test_a_future_goes_before_the_spot(self, cache: CacheManager, spot: Candles) -> None:
        keep(cache, bars(JULY, "NFO", FIRST, date(2024, 7, 25), timeframe="5m", price=24_450))
        keep(cache, bars(AUGUST, "NFO", FIRST, LAST, timeframe="5m", price=24_600))
        source = supply(cache, [spot], modelling=Modelling(0.14))
        for symbol, future in ((CALL, JULY), (WEEKLY, JULY), ("NIFTY01AUG2424400CE", AUGUST)):
            assert f"on {future}:NFO" in given_by(source, symbol).origin.detail

    def test_finer_bars_and_more_days_go_before_a_future(
        self, cache: CacheManager, spot: Candles
    ) -> None:
        keep(cache, bars(JULY, "NFO", FIRST, date(2024, 7, 25), timeframe="1d", price=24_450))
        source = supply(cache, [spot], modelling=Modelling(0.14))
        assert "on NIFTY:NSE_INDEX:5m" in given_by(source, CALL).origin.detail
        keep(cache, bars(AUGUST, "NFO", LAST, LAST, timeframe="5m", price=24_600))
        again = supply(cache, [spot], modelling=Modelling(0.14))
        other = given_by(again, "NIFTY29AUG2424400CE")
        assert "on NIFTY:NSE_INDEX:5m" in other.origin.detail

    def test_a_future_that_expires_before_the_option_says_nothing(
        self, cache: CacheManager, spot: Candles
    ) -> None:
        keep(cache, bars(JULY, "NFO", FIRST, date(2024, 7, 25), timeframe="1m", price=24_450))
        source = supply(cache, [spot], modelling=Modelling(0.14))
        found = given_by(source, "NIFTY01AUG2424400CE")
        assert "on NIFTY:NSE_INDEX:5m" in found.origin.detail

    def test_india_vix_goes_before_the_setting(self, cache: CacheManager, spot: Candles) -> None:
        index = bars("INDIAVIX", "NSE_INDEX", EARLIER, LAST, timeframe="5m", price=14)
        keep(cache, index)
        both = Modelling(0.5)
        found = given_by(supply(cache, [spot], modelling=both), CALL)
        made = modelled_option(instrument_of(CALL, "NFO"), spot, volatility=index)
        assert np.array_equal(found.close, made.close)
        share = bars("SBIN", "NSE", EARLIER, LAST, timeframe="5m", price=800)
        of_share = given_by(supply(cache, [share], modelling=both), "SBIN25JUL24800CE")
        assert "volatility 50.0%" in of_share.origin.detail

    def test_it_begins_when_such_options_are_listed(self, cache: CacheManager) -> None:
        """Three months before the expiry of a month, five weeks before that of a week."""
        long = bars("NIFTY", "NSE_INDEX", date(2024, 1, 1), LAST, timeframe="1h", price=24_400)
        source = supply(cache, [long], modelling=Modelling(0.14))
        assert date_of(int(given_by(source, CALL).ts[0])) == date(2024, 4, 16)
        assert date_of(int(given_by(source, WEEKLY).ts[0])) == date(2024, 6, 13)

    @pytest.mark.parametrize(
        ("symbol", "told"),
        [
            ("NIFTY24JUL2424400CE", "is no option of NIFTY that there was"),
            ("NIFTY31FEB2424400CE", "is no option of NIFTY that there was"),
            ("BANKNIFTY24JUL2452000CE", "no bars of BANKNIFTY:NSE_INDEX to model it by"),
            ("SBIN25JUL24800CE", "no bars of SBIN:NSE to model it by"),
            ("NIFTY11JUL2424400CE", "it expired on 11JUL24, before the run begins"),
            ("NIFTY05SEP2424400CE", "it is not listed yet when the run ends"),
            ("NIFTY26DEC2424400CE", "it was not listed yet when the run ends"),
            ("CRUDEOIL17JUL246500CE", "no bars of CRUDEOIL:MCX to model it by"),
        ],
    )
    def test_what_it_cannot_price_is_absent(
        self, cache: CacheManager, spot: Candles, symbol: str, told: str
    ) -> None:
        exchange = "MCX" if symbol.startswith("CRUDE") else "NFO"
        source = supply(cache, [spot], modelling=Modelling(0.14))
        assert source(symbol, exchange) is None
        assert told in source.absent[symbol, exchange].reason

    def test_without_any_volatility_it_says_how_to_have_one(
        self, cache: CacheManager, spot: Candles
    ) -> None:
        source = supply(cache, [spot], modelling=Modelling())
        assert source(CALL, "NFO") is None
        absent = source.absent[CALL, "NFO"]
        assert "no volatility" in absent.reason
        assert "data.option_volatility" in absent.remedy
        assert "tapeback data fetch INDIAVIX --exchange NSE_INDEX" in absent.remedy

    def test_a_chain_of_them_is_one_reason(self, cache: CacheManager, spot: Candles) -> None:
        source = supply(cache, [spot], modelling=Modelling(0.14))
        origins = [given_by(source, symbol).origin for symbol in (CALL, PUT, WEEKLY)]
        (reason,) = verdict_of(origins=origins).reasons
        assert reason.startswith("option prices are those of a model (Black-76 on NIFTY:NSE_INDEX")


class TestContracts:
    def test_they_are_those_of_all_sources(self, cache: CacheManager, spot: Candles) -> None:
        keep(cache, bars(CALL, "NFO", EARLIER, date(2024, 7, 25), timeframe="1h", price=300))
        own = bars(PUT, "NFO", date(2024, 7, 18), date(2024, 7, 25), timeframe="1h", price=300)
        listed = Instrument(
            "NIFTY29AUG2424400CE", "NFO", "option", lot_size=25, underlying="NIFTY",
            option_type="CE", strike=24_400, expiry=day_of(date(2024, 8, 29)), listed=True,
        )  # fmt: skip
        master = MasterContract([Listing(listed)])
        contracts = supply(cache, [spot, own], master=master).contracts
        ts = at(2024, 7, 19, 11, 0)
        names = [each.symbol for each in contracts.instruments("NFO", ts)]
        assert names == [CALL, PUT, "NIFTY29AUG2424400CE"]
        expiries = contracts.expiries("NIFTY", "NFO", "options", ts)
        assert list(expiries) == [day_of(date(2024, 7, 25)), day_of(date(2024, 8, 29))]
        assert list(contracts.strikes("NIFTY", "NFO", expiries[0], "PE", ts)) == [24_400.0]
        assert contracts.symbol("NIFTY29AUG2424400CE", "NFO", ts) is listed
        assert contracts.symbol("NIFTY", "NSE_INDEX", ts) is not None

    def test_nothing_is_listed_before_its_first_bar_or_after_its_expiry(
        self, cache: CacheManager, spot: Candles
    ) -> None:
        keep(cache, bars(CALL, "NFO", FIRST, date(2024, 7, 25), timeframe="1h", price=300))
        own = bars(PUT, "NFO", date(2024, 7, 18), date(2024, 7, 25), timeframe="1h", price=300)
        contracts = supply(cache, [spot, own]).contracts
        for symbol, before, after in (
            (CALL, at(2024, 7, 16, 10, 14), at(2024, 7, 16, 10, 15)),
            (PUT, at(2024, 7, 18, 9, 14), at(2024, 7, 18, 9, 15)),
        ):
            assert contracts.symbol(symbol, "NFO", before) is None
            assert contracts.symbol(symbol, "NFO", after) is not None
            assert contracts.symbol(symbol, "NFO", at(2024, 7, 25, 15, 29)) is not None
            assert contracts.symbol(symbol, "NFO", at(2024, 7, 25, 15, 30)) is None

    def test_modelled_options_are_listed_by_the_rules(
        self, cache: CacheManager, spot: Candles
    ) -> None:
        source = supply(cache, [spot], modelling=Modelling(0.14))
        contracts, ts = source.contracts, at(2024, 7, 16, 11, 0)
        expiries = [date(2024, 7, 18), date(2024, 7, 25), date(2024, 8, 1), date(2024, 8, 8)]
        expiries += [date(2024, 8, 14), date(2024, 8, 29), date(2024, 9, 26)]
        found = contracts.expiries("NIFTY", "NFO", "options", ts)
        assert list(found) == [day_of(day) for day in expiries]
        assert not contracts.expiries("NIFTY", "NFO", "futures", ts)
        strikes = contracts.strikes("NIFTY", "NFO", found[0], "CE", ts)
        price = source.spot("NIFTY", "NFO", ts)
        assert price is not None
        assert set(np.diff(strikes)) == {50.0}
        assert min(strikes) < price * 0.91
        assert max(strikes) > price * 1.09
        symbols = {each.symbol for each in contracts.instruments("NFO", ts)}
        assert len(symbols) == len(found) * 2 * len(strikes)
        nearest = min(strikes, key=lambda strike: abs(strike - price))
        assert f"NIFTY18JUL24{nearest:.0f}CE" in symbols
        assert given_by(source, f"NIFTY18JUL24{nearest:.0f}CE").origin.kind == "modelled"

    def test_expiry_ends_a_modelled_option(self, cache: CacheManager, spot: Candles) -> None:
        contracts = supply(cache, [spot], modelling=Modelling(0.14)).contracts
        assert contracts.symbol(WEEKLY, "NFO", at(2024, 7, 18, 15, 29)) is not None
        assert contracts.symbol(WEEKLY, "NFO", at(2024, 7, 18, 15, 30)) is None
        assert contracts.symbol("NIFTY19JUL2424400CE", "NFO", at(2024, 7, 16, 11, 0)) is None

    @pytest.mark.parametrize(
        ("underlying", "price", "day", "step"),
        [
            ("NIFTY", 24_400, date(2024, 7, 16), 50),
            ("NIFTY", 5_900, date(2013, 8, 29), 100),
            ("BANKNIFTY", 52_000, date(2024, 7, 16), 100),
            ("RELIANCE", 2_900, date(2024, 7, 16), 20),
            ("SBIN", 850, date(2024, 7, 16), 10),
            ("IDEA", 14, date(2024, 7, 16), 1),
        ],
    )
    def test_strikes_lie_as_far_apart_as_they_did(
        self, underlying: str, price: float, day: date, step: float
    ) -> None:
        assert strike_step(underlying, price, day_of(day)) == step

    def test_no_rule_no_options(self) -> None:
        ruled = RuledContracts(lambda *_: 6_500.0)
        assert ruled.expiries("CRUDEOIL", "MCX", "options", at(2024, 7, 16, 11, 0)) == []
        assert ruled.symbol("CRUDEOIL17JUL246500CE", "MCX", at(2024, 7, 16, 11, 0)) is None


class TestSpot:
    def test_it_is_the_last_close_of_the_index(self, cache: CacheManager, spot: Candles) -> None:
        source = supply(cache, [spot])
        ts = at(2024, 7, 16, 11, 0)
        closed = int(np.searchsorted(spot.ends, ts, side="right"))
        assert source.spot("NIFTY", "NFO", ts) == spot.close[closed - 1]
        assert source.spot("NIFTY", "NFO", int(spot.starts[0]) - 1) is None
        assert source.spot("NIFTY", "NFO", int(spot.starts[0])) == spot.open[0]

    def test_else_that_of_the_nearest_future(self, cache: CacheManager) -> None:
        july = bars(JULY, "NFO", EARLIER, date(2024, 7, 25), timeframe="5m", price=24_450)
        keep(cache, july)
        keep(cache, bars(AUGUST, "NFO", EARLIER, LAST, timeframe="5m", price=24_600))
        ts = at(2024, 7, 16, 11, 0)
        closed = int(np.searchsorted(july.ends, ts, side="right"))
        assert supply(cache).spot("NIFTY", "NFO", ts) == july.close[closed - 1]
        assert supply(cache).spot("SBIN", "NFO", ts) is None


def cut(candles: Candles, ts: int) -> Candles:
    """What was known of candles at an instant."""
    return candles[: int(np.searchsorted(candles.ends, ts, side="right"))]


@settings(max_examples=20)
@given(minutes=st.integers(1, 2_500))
def test_what_comes_later_changes_nothing_that_is_listed(
    minutes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Candles that end at an instant make the same contracts, spot and equivalents at it."""
    spot = bars("NIFTY", "NSE_INDEX", FIRST, LAST, timeframe="5m", price=24_400)
    own = bars(PUT, "NFO", date(2024, 7, 18), date(2024, 7, 25), timeframe="5m", price=300)
    ts = int(spot.ends[min(minutes // 5, len(spot) - 1)])
    cache = CacheManager(tmp_path_factory.mktemp("empty"), clock=ClockAt(2026, 11, 2))
    answers = []
    for series in ([spot, own], [each for each in (cut(spot, ts), cut(own, ts)) if len(each)]):
        source = supply(cache, series, modelling=Modelling(0.14))
        contracts = source.contracts
        expiries = contracts.expiries("NIFTY", "NFO", "options", ts)
        rule = parse_map("NIFTY28NOV2624000CE=NIFTY:week1:ATM+2:CE")
        maps = ContractMap([rule], contracts, spot=source.spot, held=lambda *_: False)
        real = maps.real("NIFTY28NOV2624000CE", "NFO", ts)
        assert real is not None
        made = given_by(source, real[0])
        answers.append((
            source.spot("NIFTY", "NFO", ts), expiries, real,
            contracts.strikes("NIFTY", "NFO", expiries[0], "PE", ts),
            contracts.symbol(PUT, "NFO", ts) if len(cut(own, ts)) else None,
            cut(made, ts).sha256,
        ))  # fmt: skip
    assert answers[0] == answers[1]


def test_a_script_trades_what_it_names(cache: CacheManager, spot: Candles) -> None:
    """Through a tape: the option joins the run, and its orders meet the model's prices."""
    own = spot.between(midnight(day_of(FIRST)), None)
    source = supply(cache, [own], modelling=Modelling(0.14))
    run = taped(own, source=source, intrabar="nearer", fidelity="live", slippage="none")
    run.to_ts(at(2024, 7, 16, 11, 0))
    assert run.tape.ensure(CALL, "NFO")
    assert not run.tape.ensure("TCS", "NSE")
    run.service.admit(run.service.simulator.books[CALL, "NFO"])
    order = run.send("BUY", 25, symbol=CALL, exchange="NFO", product="MIS")
    run.to_ts(at(2024, 7, 16, 11, 10))
    made = given_by(source, CALL)
    place = int(np.searchsorted(made.ts, at(2024, 7, 16, 11, 0)))
    assert order.status == "complete"
    assert order.average_price == pytest.approx(float(made.open[place]))
    assert [key for key in source.modelled if key in run.service.simulator.books] == [(CALL, "NFO")]
    assert list(source.absent) == [("TCS", "NSE")]
