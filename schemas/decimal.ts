/**
 * Money: USD with the 12 digits after the point that the columns hold, as text without trailing zeros, so that
 * what a row says and what is read back are the same text.
 */
const digits = 12;
const unit = 10n ** BigInt(digits);
/** Far beyond any cost, and inside both Decimal(38,12) and what toFixed writes without an exponent. */
const amountMax = 1e20;
const scaledMax = BigInt(amountMax) * unit;

/** The nearest decimal; amounts beyond the column's range become its end. */
export function decimalOf(amount: number): string {
  return format(scaled(Math.min(Math.max(amount, -amountMax), amountMax).toFixed(digits)));
}

export function addDecimals(amounts: readonly string[]): string {
  return format(amounts.reduce((sum, amount) => sum + scaled(amount), 0n));
}

/**
 * What a whole number of units costs at a price of any number of digits ({@link exactDecimal}): multiplied exactly,
 * then rounded half up to the digits of a cost, and no more than the column's end.
 */
export function timesDecimal(price: string, units: number): string {
  const [whole = "0", fraction = ""] = price.split(".");
  const product = BigInt(whole + fraction) * BigInt(units);
  const spare = fraction.length - digits;
  const value =
    spare > 0
      ? (product + 10n ** BigInt(spare) / 2n) / 10n ** BigInt(spare)
      : product * 10n ** BigInt(-spare);
  return format(value < scaledMax ? value : scaledMax);
}

/** A number of at least 0 in full, as it was written: no digit is rounded away, and there is no exponent. */
export function exactDecimal(amount: number): string {
  const [digitsText = "0", exponent = "0"] = String(amount).split("e");
  const shift = Number(exponent);
  if (shift === 0) return digitsText;
  const [whole = "0", fraction = ""] = digitsText.split(".");
  return shift > 0
    ? whole + fraction.padEnd(shift, "0")
    : `0.${"0".repeat(-shift - whole.length)}${whole}${fraction}`;
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
