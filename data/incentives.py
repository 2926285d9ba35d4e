"""The sample incentives, in the public schema and in the plain one; every programme and amount is invented."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from data.suppliers import CORE, NORTH, RIVER, SOLE_ZIP, SOUTH, UNSERVED_ZIP, Json

__all__ = ["ELECTRIC", "COOPERATIVE", "incentives"]

ELECTRIC: Final = "Two Rivers Electric"
COOPERATIVE: Final = "Alder Valley Cooperative"

STATE_ID, MILLBROOK_ID, PORT_ALDEN_ID, ELECTRIC_ID, COOPERATIVE_ID = 9001, 9101, 9102, 9201, 9202

SOLAR: Final = "rooftop_solar_installation"
BATTERY: Final = "battery_storage_installation"


def incentives() -> dict[str, Json]:
    """The incentives file: both formats in one list, and the tables that the public schema refers to."""
    return {
        "incentives": [*_structured(), *_plain()],
        "programs": _programs(),
        "authorities": _authorities(),
        "zip_to_geography": _zip_to_geography(),
        "relationships": {"exclusions": {"TR-9": {"ids": ["TR-4"]}}, "prerequisites": {}},
    }


def _structured() -> list[Json]:
    return [
        _incentive(
            "TR-1",
            "tr_stateEnergyOffice_homePowerGrant",
            [SOLAR],
            {"type": "percent", "number": 0.08, "maximum": 6000},
            en="8% of the cost of a rooftop solar installation.",
            es="El 8% del costo de una instalación solar en el techo.",
        )
        | {"start_date": "2025-01-01", "end_date": "2029"},
        _incentive(
            "TR-2",
            "tr_twoRiversElectric_storageRebate",
            [BATTERY],
            {"type": "dollar_amount", "number": 750},
            en="$750 rebate for a home battery.",
            es="Reembolso de $750 por una batería para el hogar.",
        )
        | {"owner_status": ["homeowner", "renter"]},
        _incentive(
            "TR-3",
            "tr_cityOfMillbrook_brightRoofs",
            [SOLAR],
            {"type": "dollar_amount", "number": 600},
            en="$600 rebate for rooftop solar on homes in Millbrook.",
            es="Reembolso de $600 por energía solar en el techo para viviendas de Millbrook.",
        ),
        _incentive(
            "TR-4",
            "tr_alderValleyCooperative_sunPerWatt",
            [SOLAR],
            {"type": "dollars_per_unit", "number": 0.1, "unit": "watt", "maximum": 3000},
            en="$0.10 per watt of rooftop solar installed.",
            es="$0.10 por vatio de energía solar instalado en el techo.",
        )
        | {"start_date": "2026-01-01"},
        _incentive(
            "TR-5",
            "tr_twoRiversElectric_solarPayback",
            [SOLAR],
            {"type": "dollars_per_unit", "number": 0.02, "unit": "kilowatt_hour"},
            en="$0.02 per kWh that the panels produce.",
            es="$0.02 por cada kWh que producen los paneles.",
        )
        | {"payment_methods": ["performance_rebate"], "owner_status": ["homeowner", "renter"]},
        _incentive(
            "TR-6",
            "tr_stateEnergyOffice_homePowerGrant",
            [SOLAR, BATTERY],
            {"type": "percent", "number": 0.2},
            en="20% of the cost of solar and battery projects. Closed.",
            es="El 20% del costo de proyectos solares y de baterías. Cerrado.",
        )
        | {"payment_methods": ["tax_credit"], "start_date": "2023", "end_date": "2025"},
        _incentive(
            "TR-7",
            "tr_cityOfPortAlden_resilientHomes",
            [BATTERY],
            {"type": "dollar_amount", "number": 1500, "maximum": 1500},
            en="Up to $1,500 for a home battery, depending on its size.",
            es="Hasta $1,500 por una batería para el hogar, según su tamaño.",
        ),
        _incentive(
            "TR-8",
            "tr_stateEnergyOffice_solarForEveryone",
            [SOLAR],
            {"type": "dollar_amount", "number": 1200},
            en="$1,200 for rooftop solar on income-qualified homes.",
            es="$1,200 por energía solar en el techo para hogares que califican por ingresos.",
        )
        | {"low_income": "tr-80-ami-2026", "start_date": "2026"},
        _incentive(
            "TR-9",
            "tr_alderValleyCooperative_memberDiscount",
            [SOLAR],
            {"type": "dollar_amount", "number": 400},
            en="$400 off the invoice for rooftop solar, for members.",
            es="$400 de descuento en la factura de energía solar en el techo, para socios.",
        )
        | {"payment_methods": ["pos_rebate"]},
        _incentive(
            "TR-10",
            "tr_twoRiversElectric_storageRebate",
            ["heat_pump_water_heater"],
            {"type": "dollar_amount", "number": 300},
            en="$300 rebate for a heat pump water heater.",
            es="Reembolso de $300 por un calentador de agua con bomba de calor.",
        ),
    ]


def _incentive(
    key: str, program: str, items: Sequence[str], amount: dict[str, Json], *, en: str, es: str
) -> dict[str, Json]:
    return {
        "id": key,
        "payment_methods": ["rebate"],
        "items": list(items),
        "program": program,
        "amount": amount,
        "owner_status": ["homeowner"],
        "short_description": {"en": en, "es": es},
        "url": {"en": f"https://example.org/incentives/{key.lower()}"},
    }


def _plain() -> list[Json]:
    return [
        _plain_incentive(
            "Two Rivers Installation Credit",
            "ALL",
            source="Federal Government",
            specs="10% over the total cost of the installation",
        ),
        _plain_incentive(
            "South Roof Bonus",
            ", ".join(NORTH[:3] + SOUTH[:3]),
            source="State Government",
            specs="$500 per household, only for roofs facing south",
        ),
        _plain_incentive(
            "Millbrook Tall Homes Grant",
            "Millbrook",
            source="City of Millbrook",
            specs="$350 towards the scaffolding, for homes of two or more stories",
        ),
        _plain_incentive(
            "Shared Sun Production Bonus",
            "ALL",
            source="State Government",
            specs="5¢ per kiloWatt hour produced (Watt installed * roof efficiency implications * 0,05)",
            lmi="TRUE",
        ),
    ]


def _plain_incentive(name: str, community: str, *, source: str, specs: str, lmi: str = "FALSE") -> dict[str, Json]:
    return {
        "Incentive name": name,
        "Applicable community": community,
        "Incentive source": source,
        "LMI": lmi,
        "Incentive specs": specs,
        "Start date": "1 jan 2026",
        "End date": "No end date",
    }


def _programs() -> dict[str, Json]:
    rows = (
        ("tr_stateEnergyOffice_homePowerGrant", "Home Power Grant", "tr-state-energy-office", "state"),
        ("tr_stateEnergyOffice_solarForEveryone", "Solar for Everyone", "tr-state-energy-office", "state"),
        ("tr_cityOfMillbrook_brightRoofs", "Bright Roofs", "tr-city-of-millbrook", "city"),
        ("tr_cityOfPortAlden_resilientHomes", "Resilient Homes", "tr-city-of-port-alden", "city"),
        ("tr_twoRiversElectric_storageRebate", "Home Energy Rebates", "tr-two-rivers-electric", "utility"),
        ("tr_twoRiversElectric_solarPayback", "Solar Payback", "tr-two-rivers-electric", "utility"),
        ("tr_alderValleyCooperative_sunPerWatt", "Sun per Watt", "tr-alder-valley-cooperative", "utility"),
        ("tr_alderValleyCooperative_memberDiscount", "Member Discount", "tr-alder-valley-cooperative", "utility"),
    )
    return {
        key: {"name": {"en": name}, "authority": authority, "authority_type": kind}
        for key, name, authority, kind in rows
    }


def _authorities() -> dict[str, Json]:
    return {
        "state": {"tr-state-energy-office": {"name": "State Energy Office", "geography_ids": [STATE_ID]}},
        "city": {
            "tr-city-of-millbrook": {"name": "City of Millbrook", "geography_ids": [MILLBROOK_ID]},
            "tr-city-of-port-alden": {"name": "City of Port Alden", "geography_ids": [PORT_ALDEN_ID]},
        },
        "utility": {
            "tr-two-rivers-electric": {"name": ELECTRIC, "geography_ids": [ELECTRIC_ID]},
            "tr-alder-valley-cooperative": {"name": COOPERATIVE, "geography_ids": [COOPERATIVE_ID]},
        },
    }


def _zip_to_geography() -> list[Json]:
    """The state and one utility for every ZIP code, and the two cities; `CORE[5]` is only partly in Millbrook."""
    every = (*CORE, *NORTH, *SOUTH, *RIVER, SOLE_ZIP, UNSERVED_ZIP)
    cooperative = {*NORTH, *RIVER[3:]}
    return [
        *(_place(code, STATE_ID) for code in every),
        *(_place(code, COOPERATIVE_ID if code in cooperative else ELECTRIC_ID) for code in every),
        *(_place(code, MILLBROOK_ID, predominant=code != CORE[5]) for code in CORE),
        *(_place(code, PORT_ALDEN_ID) for code in RIVER[:2]),
    ]


def _place(code: str, geography: int, *, predominant: bool = True) -> Json:
    return {"zip": code, "geography_id": geography, "predominant": int(predominant)}
