"""Staff at their desk: a session that is signed in to the admin, over HTTP as a browser would do it."""

import re

import requests

_TOKEN = re.compile(r'name="csrfmiddlewaretoken"[^>]*value="([^"]*)"')


def sign_in(base_url: str, email: str, password: str, *, timeout: float = 60) -> requests.Session:
    """Return a session that is signed in at the shop's one login.

    :raises requests.RequestException: if the shop does not answer.
    :raises AssertionError: if it answers and lets nobody in: a drill must not go on with a stranger's session.
    """
    desk, page = requests.Session(), f"{base_url}/account/login"
    form = desk.get(page, timeout=timeout)
    form.raise_for_status()
    token = _TOKEN.search(form.text)
    assert token is not None, "the login's page has no form"
    known = {"login": email, "password": password, "csrfmiddlewaretoken": token.group(1)}
    answer = desk.post(page, data=known, headers={"Referer": page}, timeout=timeout)
    answer.raise_for_status()
    assert "sessionid" in desk.cookies, f"{email} was not let in"
    return desk
