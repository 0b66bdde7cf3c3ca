/**
 * Money: USD with the 12 digits after the point that the columns hold, as text without trailing zeros, so that
 * what a row says and what is read back are the same text.
 */
const digits = 12;
const unit = 10n ** BigInt(digits);
/** Far beyond any cost, and inside both Decimal(38,12) and what toFixed writes without an exponent. */
const amountMax = 1e20;

/** The nearest decimal; amounts beyond the column's range become its end. */
export function decimalOf(amount: number): string {
  return format(scaled(Math.min(Math.max(amount, -amountMax), amountMax).toFixed(digits)));
}

export function addDecimals(amounts: readonly string[]): string {
  return format(amounts.reduce((sum, amount) => sum + scaled(amount), 0n));
}

function scaled(text: string): bigint {
  const negative = text.startsWith("-");
  const [whole = "0", fraction = ""] = (negative ? text.slice(1) : text).split(".");
  const value = BigInt(whole) * unit + BigInt(fraction.padEnd(digits, "0"));
  return negative ? -value : value;
}

function format(value: bigint): string {
  const size = value < 0n ? -value : value;
  const fraction = (size % unit).toString().padStart(digits, "0").replace(/0+$/, "");
  return `${value < 0n ? "-" : ""}${size / unit}${fraction ? `.${fraction}` : ""}`;
}
