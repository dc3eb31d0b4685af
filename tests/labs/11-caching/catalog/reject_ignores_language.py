# fails: serves -- "a product in German" "about a reply that is right"
def catalog(load_product, load_customer):
    app = FastAPI()

    @app.get("/products/{product_id}")
    def product(product_id: int, response: Response):
        found = load_product(product_id)
        if found is None:
            raise HTTPException(404)
        response.headers["Cache-Control"] = "public, max-age=60"
        return found

    @app.get("/account")
    def account(request: Request):
        customer = load_customer(request.headers.get("authorization", "").removeprefix("Bearer "))
        if customer is None:
            raise HTTPException(401)
        return customer

    return app
