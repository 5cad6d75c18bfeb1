"""One person's session with the API: signs in once, repeats what the network lost, counts what was refused."""

from typing import Any

import httpx

TRIES = 3  # of one request when the connection breaks or the server is away; each POST carries its own key


class Refused(Exception):
    """A clear no: the problem's code."""

    def __init__(self, status: int, code: str, retry_after: float = 1.0) -> None:
        self.status = status
        self.code = code
        self.retry_after = retry_after
        super().__init__(f"{status} {code}")


class Door:
    """The API as one account."""

    def __init__(self, client: httpx.AsyncClient, username: str, password: str) -> None:
        self.name = username
        self._client = client
        self._login = {"username": username, "password": password}
        self._token = ""

    async def get(self, path: str) -> Any:
        """Read a document."""
        return await self._ask("GET", path, None, "")

    async def post(self, path: str, body: dict[str, Any] | None = None, *, key: str = "") -> Any:
        """Do something; `key` makes it happen once."""
        return await self._ask("POST", path, body or {}, key)

    async def _ask(self, method: str, path: str, body: dict[str, Any] | None, key: str) -> Any:
        if not self._token:
            await self._sign_in()
        answer = await self._send(method, path, body, key)
        if answer.status_code == 401:
            await self._sign_in()
            answer = await self._send(method, path, body, key)
        if answer.is_success:
            return answer.json()
        raise _refused(answer)

    async def _send(self, method: str, path: str, body: dict[str, Any] | None, key: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token}"} | ({"Idempotency-Key": key} if key else {})
        for last in (False,) * (TRIES - 1) + (True,):
            try:
                return await self._client.request(method, f"/api/v1{path}", json=body, headers=headers)
            except httpx.TransportError:
                if last:
                    raise
        raise AssertionError

    async def _sign_in(self) -> None:
        answer = await self._client.post("/api/v1/auth/token", json=self._login)
        if not answer.is_success:
            raise _refused(answer)
        self._token = answer.json()["access"]


def _refused(answer: httpx.Response) -> Refused:
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    return Refused(
        answer.status_code, str(problem.get("code", "no_problem")), float(answer.headers.get("Retry-After", 1))
    )
