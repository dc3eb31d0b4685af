# fails: nothing_personal_is_shared -- "holds ada@shop.test"
def catalog(load_product, load_customer):
    app = FastAPI()

    @app.get("/products/{product_id}")
    def product(product_id: int, request: Request):
        language = "de" if request.headers.get("accept-language", "").startswith("de") else "en"
        found = load_product(product_id, language)
        if found is None:
            raise HTTPException(404)
        tag = '"' + hashlib.sha256(repr(found).encode()).hexdigest() + '"'
        headers = {"ETag": tag, "Cache-Control": "public, max-age=60", "Vary": "Accept-Language"}
        asked = [t.strip().removeprefix("W/") for t in request.headers.get("if-none-match", "").split(",")]
        if tag in asked:
            return Response(status_code=304, headers=headers)
        return JSONResponse(found, headers=headers)

    @app.get("/account")
    def account(request: Request):
        customer = load_customer(request.headers.get("authorization", "").removeprefix("Bearer "))
        if customer is None:
            raise HTTPException(401)
        return JSONResponse(customer, headers={"Cache-Control": "public, no-cache"})

    return app
