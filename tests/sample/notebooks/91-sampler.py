# %% [markdown]
# # A sampler
#
# The lesson of the sampler.

# %%
print(sum(range(4)))

# %%
