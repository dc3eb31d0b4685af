# %% [markdown]
# # A sampler
#
# One exercise of each kind.

# %% context

# %% [markdown]
# ## Area of a circle

# %% answer="area"
def area(radius: float) -> float:
    """The area of a circle."""
    ### BEGIN SOLUTION
    square_of_the_radius = radius**2
    return math.pi * square_of_the_radius
    ### END SOLUTION


# %% check="area"

# %% [markdown]
# ## Count big orders
#
# How many rows of `amounts` have an `amount` of at least 50?

# %% answer="big_orders"
# %%sql big_orders
# -- BEGIN SOLUTION
# SELECT count(*) FROM amounts WHERE amount >= 50;
# -- END SOLUTION

# %% check="big_orders"

# %% [markdown]
# ## Forecast
#
# Bind `forecast` to one, doubled ten times.

# %% answer="forecast"
### BEGIN SOLUTION
forecast = 2**10
### END SOLUTION

# %% check="forecast"
