import { z } from "zod";

import { observationLevels, observationTypes } from "./observation.ts";

/** Pieces of the schemas of answers. */

export const text = z.string();
export const orNull = z.string().nullable();
export const count = z.int().min(0);
export const amount = z.number();
export const amountOrNull = z.number().nullable();
export const moment = z.iso.datetime({ precision: 3 });
export const momentOrNull = moment.nullable();
export const anything = z.unknown();
export const metadata = z.record(text, z.unknown());
export const counts = z.record(text, count);
export const amounts = z.record(text, amount);
const decimal = z.string().regex(/^-?\d+(\.\d+)?$/);
export const decimalOrNull = decimal.nullable();
export const decimals = z.record(text, decimal);
export const type = z.enum(observationTypes);
export const level = z.enum(observationLevels);
