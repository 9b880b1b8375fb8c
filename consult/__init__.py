"""The Django project and the product."""
