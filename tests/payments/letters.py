"""Letters of the gateways written by hand, signed with the simulator's own keys: genuine, whatever they say."""

import base64
import functools
import json
import secrets
import time
from typing import Any
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from payments.gateways import accounts
from tests.payments.conftest import Simulator

Letter = tuple[dict[str, str], bytes]


def platform_key(simulator: Simulator, gateway: str) -> RSAPrivateKey:
    """The key with which the simulated gateway signs now."""
    folder, name = simulator.gateway_dir.parent / "state" / "keys", f"{gateway}_platform_private.pem"
    if gateway == "wechat":
        name = json.loads((folder / "wechat_platform.json").read_text())[accounts.wechat().public_key_id]
    return _key((folder / name).read_bytes())


@functools.cache
def _key(pem: bytes) -> RSAPrivateKey:
    """Proving that a key is one takes 30 ms."""
    key = load_pem_private_key(pem, password=None)
    assert isinstance(key, RSAPrivateKey)
    return key


def signature(key: RSAPrivateKey, message: bytes) -> str:
    return base64.b64encode(key.sign(message, PKCS1v15(), SHA256())).decode()


def wechat_headers(key: RSAPrivateKey, serial: str, body: bytes) -> dict[str, str]:
    stamp, nonce = str(int(time.time())), secrets.token_hex(16)
    return {
        "Wechatpay-Timestamp": stamp,
        "Wechatpay-Nonce": nonce,
        "Wechatpay-Serial": serial,
        "Wechatpay-Signature": signature(key, f"{stamp}\n{nonce}\n".encode() + body + b"\n"),
        "Wechatpay-Signature-Type": "WECHATPAY2-SHA256-RSA2048",
        "content-type": "application/json",
    }


def wechat_letter(simulator: Simulator, resource: dict[str, Any], event: str = "TRANSACTION.SUCCESS") -> Letter:
    """A notification of WeChat Pay about `resource`."""
    account, nonce = accounts.wechat(), secrets.token_hex(6)
    sealed = AESGCM(account.apiv3_key.encode()).encrypt(nonce.encode(), json.dumps(resource).encode(), b"transaction")
    inner = {
        "algorithm": "AEAD_AES_256_GCM",
        "ciphertext": base64.b64encode(sealed).decode(),
        "associated_data": "transaction",
        "nonce": nonce,
    }
    notice = {
        "id": secrets.token_hex(16), "event_type": event, "resource_type": "encrypt-resource", "resource": inner,
    }  # fmt: skip
    body = json.dumps(notice).encode()
    return wechat_headers(platform_key(simulator, "wechat"), account.public_key_id, body), body


def wechat_payment(no: str, **changes: Any) -> dict[str, Any]:
    """What a paid trade looks like at WeChat Pay."""
    account = accounts.wechat()
    return {
        "mchid": account.mchid,
        "appid": account.appid,
        "out_trade_no": no,
        "transaction_id": f"42{secrets.randbelow(10**12):012d}",
        "trade_state": "SUCCESS",
        "success_time": "2026-11-21T10:00:00+08:00",
        "amount": {"total": 1234, "currency": "CNY"},
        **changes,
    }


def alipay_letter(simulator: Simulator, **fields: str) -> Letter:
    """A notification of Alipay; a field that is "" is neither signed nor sent."""
    account = accounts.alipay()
    told = {
        "notify_id": secrets.token_hex(16),
        "notify_type": "trade_status_sync",
        "app_id": account.app_id,
        "seller_id": account.seller_id,
        "trade_no": f"2026{secrets.randbelow(10**12):012d}",
        "trade_status": "TRADE_SUCCESS",
        "total_amount": "12.34",
        "gmt_payment": "2026-11-21 10:00:00",
        **fields,
    }
    told = {name: value for name, value in told.items() if value}
    message = "&".join(f"{name}={told[name]}" for name in sorted(told)).encode()
    sign = signature(platform_key(simulator, "alipay"), message)
    headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
    return headers, urlencode({**told, "sign_type": "RSA2", "sign": sign}).encode()
