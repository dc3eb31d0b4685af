# fails: serves -- "a product in Austrian German"
# Right for a test that sends "de"; a browser in Vienna sends "de-AT,de;q=0.9" and more.
def catalog(load_product, load_customer):
    app = FastAPI()

    @app.get("/products/{product_id}")
    def product(product_id: int, request: Request):
        language = "de" if request.headers.get("accept-language") == "de" else "en"
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
        return JSONResponse(customer, headers={"Cache-Control": "no-store"})

    return app
