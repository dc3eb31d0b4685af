# fails: nothing_personal_is_shared -- "the account asked for by Ada" "One Cache-Control for the whole app"
# The refusal is stored too, and served to the customer who does have a token.
def catalog(load_product, load_customer):
    app = FastAPI()

    @app.middleware("http")
    async def cached(request: Request, call_next):
        response = await call_next(request)
        response.headers["Cache-Control"] = "public, max-age=120"
        response.headers["Vary"] = "Accept-Language"
        return response

    @app.get("/products/{product_id}")
    def product(product_id: int, request: Request):
        language = "de" if request.headers.get("accept-language", "").startswith("de") else "en"
        found = load_product(product_id, language)
        if found is None:
            raise HTTPException(404)
        tag = '"' + hashlib.sha1(repr(found).encode()).hexdigest() + '"'
        if tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers={"ETag": tag})
        return JSONResponse(found, headers={"ETag": tag})

    @app.get("/account")
    def account(request: Request):
        customer = load_customer(request.headers.get("authorization", "").removeprefix("Bearer "))
        return customer or JSONResponse({}, status_code=401)

    return app
