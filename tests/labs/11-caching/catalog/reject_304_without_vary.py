# fails: unchanged_costs_no_body -- "the Vary of the product" "for whom"
# The 304 has the tag and the lifetime, and no word about the language it depends on.
def catalog(load_product, load_customer):
    app = FastAPI()

    @app.get("/products/{product_id}")
    def product(product_id: int, response: Response, accept_language: str = Header("en"), if_none_match: str = Header("")):
        language = "de" if accept_language.startswith("de") else "en"
        found = load_product(product_id, language)
        if found is None:
            raise HTTPException(404)
        tag = '"' + hashlib.md5(json.dumps(found, default=str).encode()).hexdigest() + '"'
        headers = {"ETag": tag, "Cache-Control": "public, max-age=300", "Vary": "Accept-Language"}
        if tag in if_none_match:
            return Response(status_code=304, headers={"ETag": tag, "Cache-Control": "public, max-age=300"})
        return JSONResponse(found, headers=headers)

    @app.get("/account")
    def account(authorization: str = Header("")):
        customer = load_customer(authorization.removeprefix("Bearer "))
        if customer is None:
            raise HTTPException(401)
        return JSONResponse(customer, headers={"Cache-Control": "private, no-cache"})

    return app
