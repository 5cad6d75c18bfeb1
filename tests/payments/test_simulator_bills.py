"""What stands in the simulator's bills, as the gateways write them."""

import csv
import io
import zipfile
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest

from payments.gateways import GATEWAYS
from payments.gateways.base import Definitive, RefundAsk

NASTY = 'a,"b`c"\r\n牛肉面🍜\t;'


@pytest.fixture
def day():
    """Today in Beijing, which `over` ends."""
    return (datetime.now(tz=UTC) + timedelta(hours=8)).date()


@pytest.fixture
def over(simulator):
    """Let the day end."""

    def end():
        simulator.tell("clock", advance=86400)

    return end


def wechat_rows(merchant, day, **query):
    asked = "&".join(f"{name}={value}" for name, value in {"bill_date": day.isoformat(), **query}.items())
    told = merchant.ask_wechat("GET", f"/v3/bill/tradebill?{asked}").json()
    link = urlsplit(told["download_url"])
    text = merchant.ask_wechat("GET", f"{link.path}?{link.query}").content.decode("utf-8-sig")
    rows = list(csv.reader(text.splitlines()))
    lines = [dict(zip(rows[0], (cell.removeprefix("`") for cell in row), strict=True)) for row in rows[1:-2]]
    return lines, dict(zip(rows[-2], (cell.removeprefix("`") for cell in rows[-1]), strict=True))


def test_a_line_of_wechat_tells_coupon_fee_rate_and_form(simulator, merchant, opened, day, over):
    no = opened("h5", amount_minor=10_000)
    simulator.pay(no, coupon=500)
    over()
    (line,), total = wechat_rows(merchant, day)
    assert (line["商户订单号"], line["交易类型"], line["交易状态"]) == (no, "MWEB", "SUCCESS")
    assert (line["订单金额"], line["代金券金额"], line["手续费"], line["费率"]) == (
        "100.00",
        "5.00",
        "0.60000",
        "0.60%",
    )
    assert (total["总交易单数"], total["订单总金额"], total["手续费总金额"]) == ("1", "100.00", "0.60000")


@pytest.mark.parametrize(
    ("kind", "states"), [("ALL", ["SUCCESS", "REFUND"]), ("SUCCESS", ["SUCCESS"]), ("REFUND", ["REFUND"])]
)
def test_wechats_bill_is_of_the_kind_that_was_asked_for(kind, states, simulator, merchant, opened, day, over):
    no = opened("native")
    simulator.pay(no)
    simulator.tell("console_refund", out_trade_no=no, amount=234)
    over()
    lines, total = wechat_rows(merchant, day, bill_type=kind)
    assert [line["交易状态"] for line in lines] == states
    assert total["总交易单数"] == str(len(states))


@pytest.mark.parametrize("query", ["bill_date=2020-01-01", "bill_date=2099-01-01"])
def test_wechat_has_no_bill_of_the_far_past_or_the_future(query, merchant):
    answer = merchant.ask_wechat("GET", f"/v3/bill/tradebill?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "NO_STATEMENT_EXIST")


@pytest.mark.parametrize(
    "query", ["x=1", "bill_date=x", "bill_date=2026-11-20&bill_type=X", "bill_date=2026-11-20&tar_type=ZIP"]
)
def test_wechat_names_a_wrong_question(query, merchant):
    answer = merchant.ask_wechat("GET", f"/v3/bill/tradebill?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "PARAM_ERROR")


@pytest.mark.parametrize(("channel", "form"), [("WECHAT", "native"), ("ALIPAY", "page")])
def test_no_subject_breaks_a_bill(channel, form, simulator, opened, day, over):
    no = opened(form, subject=NASTY)
    simulator.pay(no)
    over()
    (line,) = GATEWAYS[channel].fetch_bill(day).lines
    assert (line.out_trade_no, line.amount_minor, line.fee_minor) == (no, 1234, 7)


def test_alipays_file_is_a_zip_of_two_gbk_files_with_a_summary(simulator, merchant, opened, day, over):
    no = opened("page", amount_minor=10_000)
    simulator.pay(no, coupon=500)
    ask = RefundAsk(out_trade_no=no, out_refund_no=f"r{no}", amount_minor=2_500, total_minor=10_000)
    GATEWAYS["ALIPAY"].refund(ask)
    over()
    told = merchant.ask_alipay(
        "alipay.data.dataservice.bill.downloadurl.query", {"bill_type": "trade", "bill_date": day.isoformat()}
    )
    link = urlsplit(told["bill_download_url"])
    packed = zipfile.ZipFile(
        io.BytesIO(simulator.http.get(f"{link.path}?{link.query}").content), metadata_encoding="gbk"
    )
    details, summary = (packed.read(name).decode("gbk") for name in packed.namelist())
    assert [name.rpartition("_")[2] for name in packed.namelist()] == ["业务明细.csv", "业务明细(汇总).csv"]
    paid, back = [row.split(",") for row in details.splitlines() if row.startswith("20")]
    assert (paid[2], paid[11], paid[15], paid[22]) == ("交易", "100.00", "5.00", "-0.60")
    assert (back[2], back[11], back[21], back[22]) == ("退款", "-25.00", f"r{no}", "0.15")
    assert "合计,,1,1,75.00,75.00,0.00,0.00,0.00,-0.45,0.00,74.55" in summary


def test_a_link_that_was_never_offered_leads_nowhere(simulator, merchant):
    assert simulator.http.get("/alipay/bill?token=0").status_code == 403
    assert merchant.ask_wechat("GET", "/v3/billdownload/file?token=0").status_code == 400


@pytest.mark.parametrize("channel", ["WECHAT", "ALIPAY"])
def test_a_day_ends_at_midnight_in_beijing(channel, simulator, opened, day, over):
    simulator.pay(opened("native" if channel == "WECHAT" else "page"))
    over()
    with pytest.raises(Definitive):
        GATEWAYS[channel].fetch_bill(day - timedelta(days=1))
    assert len(list(GATEWAYS[channel].fetch_bill(day).lines)) == 1
