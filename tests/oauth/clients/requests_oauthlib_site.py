"""A portal with requests-oauthlib in Flask, as its example has it. PyJWT validates the ID token."""

import os
from typing import Any

import jwt
import requests
from flask import Flask, jsonify, redirect, request
from requests_oauthlib import OAuth2Session

LOKET, CLIENT_ID, CLIENT_SECRET = (os.environ[name] for name in ("LOKET", "CLIENT_ID", "CLIENT_SECRET"))
PORTAL = f"http://127.0.0.1:{os.environ['PORT']}"
app = Flask(__name__)

metadata = requests.get(f"{LOKET}/.well-known/openid-configuration", timeout=10).json()
loket = OAuth2Session(CLIENT_ID, redirect_uri=f"{PORTAL}/callback", scope=["openid", "profile", "email"], pkce="S256")


@app.get("/login")
def login() -> Any:
    address, _state = loket.authorization_url(metadata["authorization_endpoint"])
    return redirect(address)


@app.get("/callback")
def callback() -> Any:
    token = loket.fetch_token(
        metadata["token_endpoint"], client_secret=CLIENT_SECRET, authorization_response=request.url
    )
    key = jwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(token["id_token"])
    claims = jwt.decode(token["id_token"], key, ["RS256"], audience=CLIENT_ID, issuer=metadata["issuer"])
    return jsonify({"claims": claims, "userinfo": loket.get(metadata["userinfo_endpoint"]).json()})


@app.get("/refresh")
def refresh() -> Any:
    loket.refresh_token(metadata["token_endpoint"], client_id=CLIENT_ID, client_secret=CLIENT_SECRET)
    return jsonify({"userinfo": loket.get(metadata["userinfo_endpoint"]).json()})


app.run(port=int(os.environ["PORT"]))
