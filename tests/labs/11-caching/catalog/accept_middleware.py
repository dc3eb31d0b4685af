# accepts: one middleware adds weak tags and headers by path; s-maxage for shared caches; private accounts; asynchronous
import re

from starlette.middleware.base import BaseHTTPMiddleware


class Caching(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        response = await call_next(request)
        if not request.url.path.startswith("/products/") or response.status_code != 200:
            response.headers["Cache-Control"] = "private, no-cache"
            return response
        body = b"".join([chunk async for chunk in response.body_iterator])
        tag = hashlib.md5(body).hexdigest()
        headers = {
            "ETag": f'W/"{tag}"',
            "Cache-Control": "max-age=30, s-maxage=600, stale-while-revalidate=60",
            "Vary": "Accept-Language, Accept-Encoding",
        }
        if tag in re.findall(r'"([^"]*)"', request.headers.get("if-none-match", "")):
            return Response(status_code=304, headers=headers)
        return Response(body, headers={**headers, "Content-Type": "application/json"})


def catalog(load_product, load_customer):
    app = FastAPI()
    app.add_middleware(Caching)

    @app.get("/products/{product_id}")
    async def product(product_id: int, accept_language: str = Header("en")):
        found = load_product(product_id, accept_language[:2])
        if not found:
            return JSONResponse({"error": "unknown product"}, status_code=404)
        return found

    @app.get("/account")
    async def account(authorization: str = Header("")):
        kind, _, token = authorization.partition(" ")
        customer = load_customer(token) if kind == "Bearer" else None
        return customer or JSONResponse({"error": "who are you?"}, status_code=401)

    return app
