"""authlib's Starlette client, as its documentation has it, with PKCE; for benchmarks/callback.py."""

import os

from authlib.integrations.starlette_client import OAuth
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

oauth = OAuth()
oauth.register(
    name="op",
    server_metadata_url=f"{os.environ['PEERS_ISSUER']}/.well-known/openid-configuration",
    client_id=os.environ["PEERS_CLIENT"],
    client_secret=os.environ["PEERS_SECRET"],
    client_kwargs={"scope": "openid profile email", "code_challenge_method": "S256"},
)


async def login(request: Request) -> Response:
    redirect_uri = request.url_for("callback")
    return await oauth.op.authorize_redirect(request, redirect_uri)


async def callback(request: Request) -> Response:
    token = await oauth.op.authorize_access_token(request)
    request.session["user"] = token["userinfo"]
    return RedirectResponse("/")


app = Starlette(
    routes=[Route("/login", login), Route("/callback", callback)],
    middleware=[Middleware(SessionMiddleware, secret_key=os.environ["PEERS_SECRET"])],
)
