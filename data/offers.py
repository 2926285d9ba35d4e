"""The offers file: the suppliers with their price rows, instalments and capacities."""

from __future__ import annotations

from collections.abc import Iterator

from data.suppliers import CAPACITY_BASIS, SUPPLIERS, Battery, Json, Panel, Supplier

__all__ = ["offers"]

LMI_SHARE = 0.91  # of the cash price, where a supplier has a price for low and middle incomes


def offers(count: int) -> dict[str, Json]:
    """The offers file for `count` registrations: above `CAPACITY_BASIS`, capacities grow in step."""
    return {"CampaignID": "TR1", "SupplierOffers": [_supplier(supplier, count) for supplier in SUPPLIERS]}


def _supplier(supplier: Supplier, count: int) -> Json:
    record: dict[str, Json] = {"SupplierID": supplier.id, "Capacity": _scaled(supplier.capacity, count)}
    if supplier.used is not None:
        record["Used"] = _scaled(supplier.used, count)
    if supplier.financed != "nothing":
        record |= {"InterestRate": supplier.rate_percent, "LoanTermMonths": supplier.months}
    lead_time = f"Installation within {supplier.weeks} weeks of site visit"
    terms: dict[str, Json] = {"LeadTime": lead_time, "Origin": supplier.origin, "About": supplier.about}
    products: list[Json] = [
        product.record() | {"ProductPrices": list(_price_rows(product, supplier))} for product in supplier.products
    ]
    return record | {"ServiceAreas": list(supplier.areas), "Terms": terms, "Offers": products}


def _scaled(units: int, count: int) -> int:
    return units * max(count, CAPACITY_BASIS) // CAPACITY_BASIS


def _price_rows(product: Panel | Battery, supplier: Supplier) -> Iterator[Json]:
    lends = supplier.financed == "everything" or (supplier.financed == "panels" and isinstance(product, Panel))
    for quantity in product.counts:
        cash = product.cash(quantity)
        lmi = round(cash * LMI_SHARE) if supplier.lmi else 0
        yield {
            "Quantity": quantity,
            "CashPrice": int(cash) if cash == int(cash) else cash,
            "LMICashPrice": lmi,
            "LoanInstallment": _instalment(cash, supplier) if lends else 0,
            "LMILoanInstallment": _instalment(lmi, supplier) if lends else 0,
        }


def _instalment(price: float, supplier: Supplier) -> int:
    """The level monthly payment, in whole dollars."""
    monthly = supplier.rate_percent / 1200
    return round(price * monthly / (1 - (1 + monthly) ** -supplier.months))
