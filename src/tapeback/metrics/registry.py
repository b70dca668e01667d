"""What every figure of `PerformanceMetrics` means, for documents and screens to print."""

from __future__ import annotations

from typing import NamedTuple


class Definition(NamedTuple):
    """One figure: what it is called, its unit, its meaning in a line, and how it is computed."""

    label: str
    unit: str
    meaning: str
    formula: str


DEFINITIONS: dict[str, Definition] = {
    "bars": Definition(
        "Bars",
        "count",
        "Bars in the run.",
        "rows of the equity curve",
    ),
    "sessions": Definition(
        "Sessions",
        "count",
        "Indian dates with at least one bar.",
        "distinct dates of bar ends, Asia/Kolkata",
    ),
    "first_day": Definition(
        "First session",
        "date",
        "The first date with a bar.",
        "date of the first bar end",
    ),
    "last_day": Definition(
        "Last session",
        "date",
        "The last date with a bar.",
        "date of the last bar end",
    ),
    "initial_capital": Definition(
        "Initial capital",
        "₹",
        "Cash at the start.",
        "as set",
    ),
    "final_capital": Definition(
        "Final capital",
        "₹",
        "Equity at the last bar's close, open positions marked there.",
        "last equity",
    ),
    "peak_capital": Definition(
        "Peak capital",
        "₹",
        "The highest equity at any bar's close.",
        "max(initial capital, equity)",
    ),
    "gross_pnl": Definition(
        "Gross profit",
        "₹",
        "What the decisions earned before every cost.",
        "net profit + charges + assumed slippage",
    ),
    "other_cash": Definition(
        "Other cash",
        "₹",
        "Dividends and other cash of corporate actions: a part of the gross profit.",
        "sum of the postings that are no charges",
    ),
    "total_fees": Definition(
        "Charges",
        "₹",
        "Brokerage, transaction taxes and fees, those of the day's end included.",
        "sum of the fills' charges + postings that are charges",
    ),
    "assumed_slippage": Definition(
        "Assumed slippage",
        "₹",
        "What the simulation took for imperfect prices.",
        "sum over fills of (spread + slippage + impact + rounding) × quantity",
    ),
    "net_pnl": Definition(
        "Net profit",
        "₹",
        "What is left after every cost, open positions at their mark.",
        "final capital − initial capital",
    ),
    "survivable_slippage_pct": Definition(
        "Survivable slippage",
        "%",
        "Slippage a side at which the profit is gone; negative if it loses even without any.",
        "(net profit + assumed slippage) ÷ traded value × 100",
    ),
    "turnover_value": Definition(
        "Traded value",
        "₹",
        "Value of all fills, both sides.",
        "sum of price × quantity over fills",
    ),
    "turnover": Definition(
        "Turnover",
        "×",
        "How often the account was turned over.",
        "traded value ÷ mean equity of all bars",
    ),
    "peak_margin": Definition(
        "Peak margin",
        "₹",
        "The most that positions and resting orders blocked at once; none without margin.",
        "max(blocked)",
    ),
    "peak_margin_time": Definition(
        "Peak margin at",
        "time",
        "When that was first the case.",
        "first instant of the peak margin",
    ),
    "average_margin": Definition(
        "Average margin",
        "₹",
        "What was blocked on average while anything was.",
        "Σ blocked × time ÷ time with margin blocked",
    ),
    "time_weighted_margin": Definition(
        "Time-weighted margin",
        "₹",
        "What was blocked on average over the whole run, nights included.",
        "Σ blocked × time ÷ time from the first bar to the last",
    ),
    "return_on_peak_margin_pct": Definition(
        "Return on peak margin",
        "%",
        "Profit on the most margin that was needed.",
        "net profit ÷ peak margin × 100",
    ),
    "total_return": Definition(
        "Total return",
        "₹",
        "The same as net profit.",
        "final capital − initial capital",
    ),
    "total_return_pct": Definition(
        "Total return",
        "%",
        "Profit on the initial capital.",
        "(final ÷ initial capital − 1) × 100",
    ),
    "annualized_return": Definition(
        "Annualised return",
        "%",
        "Compounded growth in a year of 252 sessions; needs two sessions.",
        "((final ÷ initial capital)^(252 ÷ sessions) − 1) × 100",
    ),
    "cagr": Definition(
        "CAGR",
        "%",
        "Compounded growth in a calendar year; needs a day.",
        "((final ÷ initial capital)^(365.25 ÷ days from first to last bar end) − 1) × 100",
    ),
    "buy_and_hold_return_pct": Definition(
        "Buy and hold",
        "%",
        "What the first symbol did over the run, without costs.",
        "(last close ÷ first close − 1) × 100",
    ),
    "alpha_pct": Definition(
        "Alpha",
        "%",
        "Yearly return that the benchmark does not explain.",
        "((1 + mean(r − rf − β × (b − rf)))^252 − 1) × 100, daily returns",
    ),
    "beta": Definition(
        "Beta",
        "ratio",
        "How far the account moves with the benchmark.",
        "cov(r, b) ÷ var(b), daily returns",
    ),
    "max_drawdown": Definition(
        "Max. drawdown",
        "₹",
        "The largest fall from a peak in rupees.",
        "min(equity − running peak), every bar",
    ),
    "max_drawdown_pct": Definition(
        "Max. drawdown",
        "%",
        "The largest fall from a peak relative to it.",
        "min(equity ÷ running peak − 1) × 100, every bar",
    ),
    "max_drawdown_peak": Definition(
        "Drawdown from",
        "time",
        "Where the deepest drawdown began.",
        "last bar at the peak before the trough",
    ),
    "max_drawdown_trough": Definition(
        "Drawdown low",
        "time",
        "Where the deepest drawdown was deepest.",
        "bar with the lowest equity ÷ running peak",
    ),
    "max_drawdown_recovery": Definition(
        "Drawdown over",
        "time",
        "Where equity was back at the peak; none if it never was.",
        "first bar after the trough at or above the peak",
    ),
    "max_drawdown_days": Definition(
        "Drawdown length",
        "days",
        "How long the deepest drawdown lasted.",
        "calendar days from peak to recovery, or to the last bar",
    ),
    "longest_drawdown_days": Definition(
        "Longest drawdown",
        "days",
        "The longest time below a peak.",
        "calendar days between two bars at the peak with one below it between",
    ),
    "ulcer_index": Definition(
        "Ulcer index",
        "%",
        "Depth and length of the drawdowns in one figure.",
        "√(mean of squared daily drawdowns) × 100",
    ),
    "volatility": Definition(
        "Volatility",
        "%",
        "How much the account moves in a year.",
        "standard deviation (n − 1) of daily returns × √252 × 100",
    ),
    "risk_free_pct": Definition(
        "Risk-free rate",
        "%",
        "The yearly rate that ratios are measured against.",
        "as set",
    ),
    "sharpe_ratio": Definition(
        "Sharpe ratio",
        "ratio",
        "Excess return for each unit of volatility.",
        "mean(r − rf ÷ 252) ÷ standard deviation (n − 1) × √252, daily returns",
    ),
    "sortino_ratio": Definition(
        "Sortino ratio",
        "ratio",
        "Excess return for each unit of downside.",
        "mean(x) ÷ √(mean(min(x, 0)²)) × √252, x = r − rf ÷ 252",
    ),
    "calmar_ratio": Definition(
        "Calmar ratio",
        "ratio",
        "Yearly return for each unit of the deepest drawdown.",
        "annualised return ÷ depth of the max. drawdown",
    ),
    "var_historical_5pct": Definition(
        "Value at risk, historical 5 %",
        "%",
        "Daily return that one session in twenty falls below.",
        "5 % quantile of daily returns, linear interpolation, × 100",
    ),
    "cvar_historical_5pct": Definition(
        "Conditional value at risk, historical 5 %",
        "%",
        "Mean return of the worst twentieth of the sessions.",
        "mean of the worst ⌊0.05 × (n − 1)⌋ + 1 daily returns × 100",
    ),
    "worst_day": Definition(
        "Worst day",
        "date",
        "The session with the lowest return.",
        "date of the lowest daily return",
    ),
    "worst_day_pct": Definition(
        "Worst day",
        "%",
        "Its return.",
        "equity at its close ÷ that of the session before − 1, × 100",
    ),
    "worst_day_pnl": Definition(
        "Worst day",
        "₹",
        "What it changed in rupees.",
        "equity at its close − that of the session before",
    ),
    "best_day": Definition(
        "Best day",
        "date",
        "The session with the highest return.",
        "date of the highest daily return",
    ),
    "best_day_pct": Definition(
        "Best day",
        "%",
        "Its return.",
        "equity at its close ÷ that of the session before − 1, × 100",
    ),
    "best_day_pnl": Definition(
        "Best day",
        "₹",
        "What it changed in rupees.",
        "equity at its close − that of the session before",
    ),
    "exposure_pct": Definition(
        "Exposure",
        "%",
        "Share of the bars with a position.",
        "bars in the market ÷ bars × 100",
    ),
    "executions": Definition(
        "Executions",
        "count",
        "Fills, partial ones included.",
        "rows of fills",
    ),
    "total_trades": Definition(
        "Trades",
        "count",
        "Round trips: one entry order matched first in, first out with one exit order.",
        "rows of trades",
    ),
    "winning_trades": Definition(
        "Winners",
        "count",
        "Trades with a profit after charges.",
        "trades with P&L > 0",
    ),
    "losing_trades": Definition(
        "Losers",
        "count",
        "Trades with a loss after charges.",
        "trades with P&L < 0",
    ),
    "win_rate": Definition(
        "Win rate",
        "%",
        "Share of the trades that won.",
        "winners ÷ trades × 100",
    ),
    "profit_factor": Definition(
        "Profit factor",
        "ratio",
        "Rupees won for each rupee lost; none without a loss.",
        "sum of winning P&L ÷ −sum of losing P&L",
    ),
    "avg_trade_pnl": Definition(
        "Average trade",
        "₹",
        "Mean result of a trade.",
        "mean P&L",
    ),
    "avg_win_pnl": Definition(
        "Average win",
        "₹",
        "Mean result of the winners.",
        "mean P&L of winners",
    ),
    "avg_loss_pnl": Definition(
        "Average loss",
        "₹",
        "Mean result of the losers.",
        "mean P&L of losers",
    ),
    "largest_win": Definition(
        "Largest win",
        "₹",
        "The best result in rupees.",
        "highest P&L above 0",
    ),
    "largest_loss": Definition(
        "Largest loss",
        "₹",
        "The worst result in rupees.",
        "lowest P&L below 0",
    ),
    "avg_trade_pct": Definition(
        "Average trade",
        "%",
        "Mean return of a trade on its entry value.",
        "mean of P&L ÷ entry value × 100",
    ),
    "best_trade_pct": Definition(
        "Best trade",
        "%",
        "The highest return of a trade.",
        "max of P&L ÷ entry value × 100",
    ),
    "worst_trade_pct": Definition(
        "Worst trade",
        "%",
        "The lowest return of a trade.",
        "min of P&L ÷ entry value × 100",
    ),
    "expectancy": Definition(
        "Expectancy",
        "₹",
        "What one more trade brought on average.",
        "win rate × average win + loss rate × average loss",
    ),
    "sqn": Definition(
        "System quality number",
        "ratio",
        "How steady the trades' results are.",
        "√trades × mean P&L ÷ standard deviation (n − 1)",
    ),
    "kelly_pct": Definition(
        "Kelly criterion",
        "%",
        "Share of capital at which growth would have been highest.",
        "(W − (1 − W) ÷ (average win ÷ −average loss)) × 100, W = win rate",
    ),
    "avg_trade_duration": Definition(
        "Average duration",
        "h",
        "How long a trade was held.",
        "mean hours from entry to exit",
    ),
    "max_consecutive_wins": Definition(
        "Consecutive wins",
        "count",
        "The longest run of winners in order of exit.",
        "longest run of P&L > 0",
    ),
    "max_consecutive_losses": Definition(
        "Consecutive losses",
        "count",
        "The longest run of losers in order of exit.",
        "longest run of P&L < 0",
    ),
    "delivery_trades": Definition(
        "Delivery trades",
        "count",
        "Trades held over at least one night.",
        "entry and exit on different Indian dates",
    ),
    "intraday_trades": Definition(
        "Intraday trades",
        "count",
        "Trades closed on the day they were opened.",
        "entry and exit on the same Indian date",
    ),
    "total_delivery_tax": Definition(
        "Tax on delivery trades",
        "₹",
        "Estimated income tax on shares that were delivered; none where it is not computed.",
        "tax, surcharge and cess on short-term and long-term gains, all years",
    ),
    "total_intraday_tax": Definition(
        "Tax on intraday trades",
        "₹",
        "Estimated income tax on shares traded within a day; none where it is not computed.",
        "tax, surcharge and cess on speculative business, all years",
    ),
    "total_tax": Definition(
        "Tax",
        "₹",
        "Estimated income tax in all, which equity and profit are before; none where it is not "
        "computed.",
        "delivery + intraday + derivatives + dividends",
    ),
    "months": Definition(
        "By month",
        "table",
        "Profit and return of each calendar month.",
        "sums and compounded daily returns",
    ),
    "weekdays": Definition(
        "By weekday",
        "table",
        "Profit and mean return of each weekday.",
        "sums and means of daily returns",
    ),
    "days": Definition(
        "By day",
        "table",
        "Equity, profit and return of each session.",
        "differences of equity at session closes",
    ),
}
