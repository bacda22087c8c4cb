"""The ten queries of the day by polars."""

import os
from datetime import date, datetime

import polars
from polars import col
from report import VISITS, run

OPTIONS = {"aws_endpoint_url": os.environ["AWS_ENDPOINT_URL"], "aws_allow_http": "true", "aws_region": os.environ["AWS_REGION"],
           "aws_access_key_id": os.environ["AWS_ACCESS_KEY_ID"],
           "aws_secret_access_key": os.environ["AWS_SECRET_ACCESS_KEY"]}


def visits(first=1, last=31):
    return polars.scan_parquet(VISITS, storage_options=OPTIONS, hive_partitioning=True, try_parse_hive_dates=True).filter(
        col("day").is_between(date(2026, 1, first), date(2026, 1, last)))


def counts(frame, *names):
    return frame.group_by(*names).len().sort(*names)


QUERIES = {
    "rows of the month": lambda: visits().select(polars.len()),
    "countries of a day": lambda: counts(visits(5, 5), "country"),
    "income by day": lambda: visits().group_by("day").agg(col("paid").sum().round(2)).sort("day"),
    "slow visits of a week": lambda: visits(8, 14).filter(col("milliseconds") > 9000).group_by("device").agg(
        polars.len(), col("milliseconds").max()).sort("device"),
    "visits of a user": lambda: visits().filter(col("user_id") == 117600).select("visited", "device").sort("visited", "device"),
    "best pages of a week": lambda: visits(22, 28).group_by("page").len().sort(
        ["len", "page"], descending=[True, False]).head(10),
    "devices by country": lambda: counts(visits(), "country", "device"),
    "a quarter of an hour": lambda: visits(17, 17).filter(
        (col("visited") >= datetime(2026, 1, 17, 10)) & (col("visited") < datetime(2026, 1, 17, 10, 15))).select(
            "session", "trace", "page").sort("session", "trace"),
    "sessions of a week": lambda: visits(15, 21).select((col("session") % 1000).sum()),
    "all columns of a day": lambda: visits(30, 30).select(
        col("visited").max(), col("user_id").sum(), col("country").max(), col("device").max(), col("page").max(),
        col("milliseconds").sum(), session=(col("session") % 1000).sum(), trace=(col("trace") % 1000).sum(),
        paid=col("paid").sum().round(2)),
}


def ask(query):
    return lambda: query().collect().rows()


run({name: ask(query) for name, query in QUERIES.items()})
