/**
 * Makes prototype pollution inert for the whole process: removes the `__proto__` accessor (as
 * `node --disable-proto=delete` does) and freezes the prototypes of Object, Array and Function.
 *
 * Every worker thread has prototypes of its own and must call this too. Calling it twice is harmless.
 */
export function harden(): void {
  Reflect.deleteProperty(Object.prototype, "__proto__");
  allowOverrides(Object.prototype, Reflect.ownKeys(Object.prototype));
  allowOverrides(Function.prototype, ["constructor", "toString"]);
  for (const prototype of [Object.prototype, Array.prototype, Function.prototype]) {
    Object.freeze(prototype);
  }
}

/**
 * Keeps `value.constructor = x` working on ordinary objects. An inherited read-only property makes
 * plain assignment throw, so a client's metadata with a key `constructor` would break every library
 * that copies objects key by key (zod's records do). A setter that defines the key on the receiver
 * gives back the behaviour of an unfrozen prototype.
 */
function allowOverrides(prototype: object, keys: readonly PropertyKey[]): void {
  for (const key of keys) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, key);
    if (descriptor?.writable !== true || !descriptor.configurable) continue;
    const inherited: unknown = descriptor.value;
    Object.defineProperty(prototype, key, {
      enumerable: false,
      get: () => inherited,
      set(this: object, value: unknown) {
        if (this === prototype) throw new TypeError(`${String(key)} of a frozen prototype`);
        Object.defineProperty(this, key, {
          value,
          writable: true,
          enumerable: true,
          configurable: true,
        });
      },
    });
  }
}
