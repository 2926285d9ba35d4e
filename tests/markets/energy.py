"""One household and one supplier of the energy market as files have them, to be varied."""

from __future__ import annotations

from igent.domain.records import Json, Registration, Supplier
from igent.markets.enuk import read_registration, read_suppliers

__all__ = ["PRICES", "PRODUCT", "ROW", "SUPPLIER", "product", "registration", "supplier", "supplier_of"]

ROW: dict[str, Json] = {
    "RegistrationNumber": "ENUK1",
    "CampaignName": "Spring",
    "RegistrationStatus": "Accepted",
    "Contact_ServiceArea": "Eastern",
    "Product_Fuel": "Electricity",
    "Product_Meter": "Economy 7",
    "Product_PaymentMethod": "Direct Debit",
    "Consumption_Electricity": 4200,
    "Consumption_ElectricityNight": "1700",
    "Consumption_Gas": None,
}
PRICES: dict[str, Json] = {
    "ServiceArea": "Eastern",
    "FixedFee": 0.4295445,
    "PrimaryRate": 0.2486715,
    "SecondaryRate": 0.175896,
}
PRODUCT: dict[str, Json] = {
    "ProductType": "Electricity",
    "ProductName": "Elec - Two Rate",
    "PaymentMethod": "Direct Debit",
    "ContractType": "1 year",
    "ProductPrices": [PRICES],
}
SUPPLIER: dict[str, Json] = {"SupplierID": "Ampere", "Capacity": 5, "Used": 1, "Offers": [PRODUCT]}


def registration(**changes: Json) -> Registration:
    """The household's row as it is read, with other fields."""
    return read_registration({**ROW, **changes}, pointer="registrations.json#/0")


def product(prices: dict[str, Json] | None = None, **changes: Json) -> dict[str, Json]:
    """The product's entry with other fields, and other ones in its only price row."""
    return {**PRODUCT, "ProductPrices": [{**PRICES, **(prices or {})}], **changes}


def supplier(*products: Json, **changes: Json) -> dict[str, Json]:
    """The supplier's entry with other products and fields."""
    return {**SUPPLIER, "Offers": [*(products or (PRODUCT,))], **changes}


def supplier_of(*products: Json, **changes: Json) -> Supplier:
    """The supplier as it is read."""
    [found] = read_suppliers([supplier(*products, **changes)], file="offers.json")
    return found
