import { z } from "zod";
import { AppError } from "../errors.ts";
import { builder } from "./builder.ts";

const instant = z.iso.datetime({ offset: true });

builder.scalarType("DateTime", {
  description: "A moment, as RFC 3339 writes it with an offset, e.g. `2026-11-24T02:30:00.000Z`.",
  serialize: (value) => value,
  parseValue: (value) => {
    const read = instant.safeParse(value);
    if (read.success) return new Date(read.data);
    throw new AppError("BAD_REQUEST", "Expected a moment such as 2026-11-24T02:30:00Z.");
  },
});

const day = z.iso.date();

builder.scalarType("Date", {
  description: "A day in UTC, e.g. `2026-11-24`.",
  serialize: (value) => value,
  parseValue: (value) => {
    const read = day.safeParse(value);
    if (read.success) return read.data;
    throw new AppError("BAD_REQUEST", "Expected a day such as 2026-11-24.");
  },
});

builder.scalarType("JSON", {
  description:
    "Any JSON value. Only for what others define: Hasura's own objects and Witboost's info.",
  serialize: (value) => value,
});
