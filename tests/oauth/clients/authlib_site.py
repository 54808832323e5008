"""A portal with Authlib in Flask, as its quick start has it."""

import os
from typing import Any

from authlib.integrations.flask_client import OAuth
from flask import Flask, jsonify, url_for

LOKET, CLIENT_ID, CLIENT_SECRET = (os.environ[name] for name in ("LOKET", "CLIENT_ID", "CLIENT_SECRET"))
app = Flask(__name__)
app.secret_key = os.urandom(32)
tokens: dict[str, Any] = {}  # a portal keeps one for each user


def save_token(token: dict[str, Any], **_old: Any) -> None:
    tokens.update(token)


oauth = OAuth(app)
oauth.register(
    "loket",
    server_metadata_url=f"{LOKET}/.well-known/openid-configuration",
    client_id=CLIENT_ID,
    client_secret=CLIENT_SECRET,
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
    update_token=save_token,  # called after a refresh
)


@app.get("/login")
def login() -> Any:
    return oauth.loket.authorize_redirect(url_for("callback", _external=True))


@app.get("/callback")
def callback() -> Any:
    save_token(oauth.loket.authorize_access_token())
    return jsonify({"claims": tokens["userinfo"], "userinfo": oauth.loket.userinfo(token=tokens)})


@app.get("/refresh")
def refresh() -> Any:
    return jsonify({"userinfo": oauth.loket.userinfo(token=tokens | {"expires_at": 1})})


@app.get("/logout")
def logout() -> Any:
    return oauth.loket.logout_redirect(url_for("left", _external=True), id_token_hint=tokens["id_token"])


@app.get("/left")
def left() -> str:
    oauth.loket.validate_logout_response()
    return "left"


app.run(port=int(os.environ["PORT"]))
