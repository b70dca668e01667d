"""Margin, analyzer, alerts, and the strategies that a server would run."""

from __future__ import annotations

from typing import Any

from tapeback.broker import market_requests, replies
from tapeback.broker.basket_margin import BasketMargin
from tapeback.broker.client.base import Calls
from tapeback.broker.replies import Reply

_MOST_POSITIONS = 50
_STRINGS = ("quantity", "price", "trigger_price")
_NO_STRATEGIES = (
    "Strategies that the OpenAlgo server runs itself are not simulated: run their rules as a "
    "script or a strategy of your own."
)


class ServiceCalls(Calls):
    """The calls of the SDK's `AccountAPI` that read no book, of `TelegramAPI`, `WhatsAppAPI` and
    `StrategyAPI`."""

    def margin(self, *, positions: list[dict[str, Any]], **kwargs: Any) -> Reply:
        """What up to 50 positions would block together, by the margin model of the run."""
        if not isinstance(positions, list):
            return replies.invalid_call("Positions must be an array")
        if not positions:
            return replies.invalid_call("Positions array cannot be empty")
        if len(positions) > _MOST_POSITIONS:
            return replies.invalid_call("Maximum 50 positions allowed")
        sent = [
            {"price": "0", "trigger_price": "0"}
            | {
                name: str(value) if name in _STRINGS and value is not None else value
                for name, value in position.items()
            }
            for position in positions
        ]
        request, refused = self._read_data(market_requests.MARGIN, {"positions": sent}, kwargs)
        if refused is not None:
            return refused
        account = self._account
        found = BasketMargin(account.service, account.listed).required(request["positions"])
        if isinstance(found, tuple):
            account.miss(*found)
            return replies.unknown_symbol(*found)
        return {"data": found, "status": "success"}

    def analyzerstatus(self, **kwargs: Any) -> Reply:
        """Whether OpenAlgo is in analyzer mode: in `sandbox` fidelity it is."""
        refused = self._read_account(kwargs)
        return refused or {"data": self._analyzer(), "status": "success"}

    def analyzertoggle(self, mode: bool, **kwargs: Any) -> Reply:
        """Switch what `analyzerstatus` says. How the run answers and fills does not change."""
        request, refused = self._read_data(market_requests.ANALYZER_TOGGLE, {"mode": mode}, kwargs)
        if refused is not None:
            return refused
        account = self._account
        account.analyze = request["mode"]
        if account.analyze != account.sandbox:
            account.note(
                "analyzer-toggled",
                "The bot switched OpenAlgo's analyzer mode; the run stays as its fidelity "
                f"{account.service.rules.fidelity} says.",
            )
        data = self._analyzer()
        data["message"] = f"Analyzer mode switched to {data['mode']}"
        return {"data": dict(sorted(data.items())), "status": "success"}

    def _analyzer(self) -> Reply:
        account = self._account
        return {
            "analyze_mode": account.analyze,
            "mode": "analyze" if account.analyze else "live",
            "total_logs": len(account.simulator.orders),
        }

    # Alerts --------------------------------------------------------------------------------

    def telegram(self, *, username: str, message: str, priority: int = 5, **kwargs: Any) -> Reply:
        """Record an alert; nothing is sent."""
        payload = {"username": username, "message": message, "priority": priority}
        request, refused = self._read_data(market_requests.TELEGRAM, payload, kwargs)
        if refused is not None:
            return refused
        self._account.send_message("telegram", request["username"], request["message"])
        return {"message": "Notification sent successfully", "status": "success"}

    def whatsapp(
        self, message: str | None = None, *, to: str | list[str] | None = None,
        username: str | None = None, image: str | None = None, document: str | None = None,
        caption: str | None = None, filename: str | None = None,
        wait_for_delivery: bool = True, **kwargs: Any,
    ) -> Reply:  # fmt: skip
        """Record an alert; nothing is sent."""
        if message is None and image is None and document is None:
            return {
                "status": "error",
                "message": "Provide at least one of: message, image_path, document_path",
                "code": 400,
                "error_type": "http_error",
            }
        numbers = list(to) if isinstance(to, list | tuple) else [to] if to else []
        receivers = [username] if username else [str(each) for each in numbers[:5]] or ["<self>"]
        parts = [message, caption, image, document, filename]
        text = " ".join(part for part in parts if part)
        for receiver in receivers:
            self._account.send_message("whatsapp", receiver, text)
        if not wait_for_delivery:
            return {
                "message": f"Queued for {len(receivers)} recipient(s)",
                "queued": len(receivers),
                "status": "success",
            }
        return {
            "data": {"failed": [], "sent": receivers, "skipped": max(0, len(numbers) - 5)},
            "message": f"Delivered to {len(receivers)}, failed 0",
            "status": "success",
        }

    # Strategies of the server --------------------------------------------------------------

    def strategylist(
        self, *, status: str | None = None, q: str | None = None, **kwargs: Any
    ) -> Reply:
        """Not simulated: an error that says so."""
        return self._no_strategies()

    def strategystatus(self, *, strategy_id: int | str, **kwargs: Any) -> Reply:
        """Not simulated: an error that says so."""
        return self._no_strategies(strategy_id)

    def strategystart(self, *, strategy_id: int | str, mode: str, **kwargs: Any) -> Reply:
        """Not simulated: an error that says so."""
        return self._no_strategies(strategy_id)

    def strategystop(self, *, strategy_id: int | str, **kwargs: Any) -> Reply:
        """Not simulated: an error that says so."""
        return self._no_strategies(strategy_id)

    def strategycloseall(self, *, strategy_id: int | str, **kwargs: Any) -> Reply:
        """Not simulated: an error that says so."""
        return self._no_strategies(strategy_id)

    def strategycloseleg(
        self, *, strategy_id: int | str, leg_id: int | str, **kwargs: Any
    ) -> Reply:
        """Not simulated: an error that says so."""
        return self._no_strategies(strategy_id, leg_id)

    def strategyruns(
        self, *, strategy_id: int | str, limit: int | None = None, **kwargs: Any
    ) -> Reply:
        """Not simulated: an error that says so."""
        return self._no_strategies(strategy_id)

    def strategyorders(
        self, *, strategy_id: int | str, run_id: int | None = None, **kwargs: Any
    ) -> Reply:
        """Not simulated: an error that says so."""
        return self._no_strategies(strategy_id)

    def strategyevents(
        self, *, strategy_id: int | str, run_id: int | None = None, kind: str | None = None,
        severity: str | None = None, limit: int | None = None, **kwargs: Any,
    ) -> Reply:  # fmt: skip
        """Not simulated: an error that says so."""
        return self._no_strategies(strategy_id)

    def _no_strategies(self, *numbers: int | str) -> Reply:
        for number in numbers:
            int(number)  # The SDK raises where it is none.
        self._account.note("server-strategies", _NO_STRATEGIES)
        return replies.body_error(404, _NO_STRATEGIES)
