import { z } from "zod";

import { emptyAsAbsent } from "./params.ts";

/** Page numbers start at 1; pages hold 1 to 100 items, 50 when not said (read-api §1.5). */
export const pageParams = {
  page: z.preprocess(emptyAsAbsent, z.coerce.number().int().min(1).default(1)),
  limit: z.preprocess(emptyAsAbsent, z.coerce.number().int().min(1).max(100).default(50)),
};

export interface Page {
  readonly page: number;
  readonly limit: number;
}

export interface PageMeta extends Page {
  readonly totalItems: number;
  readonly totalPages: number;
}

/** How many items lie before a page. */
export function offsetOf({ page, limit }: Page): number {
  return (page - 1) * limit;
}

/** The `meta` object of a paged list: no pages when there are no items. */
export function pageMeta({ page, limit }: Page, totalItems: number): PageMeta {
  return { page, limit, totalItems, totalPages: Math.ceil(totalItems / limit) };
}
