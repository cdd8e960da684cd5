// Whole windows of days or months from an anchor (specification, section 3). Times are canonical text.
const DAY = 86_400_000;

const months = (time) => Number(time.slice(0, 4)) * 12 + Number(time.slice(5, 7)) - 1;

/** Where the window begins that holds `time`, as a number of windows from the anchor, and where window `number` begins. */
function calendar({ anchor, length, unit }) {
  if (unit === "days") {
    const zero = Date.parse(anchor);
    return {
      number: (time) => Math.floor((Date.parse(time) - zero) / (length * DAY)),
      start: (number) => new Date(zero + number * length * DAY).toISOString(),
    };
  }
  return {
    number: (time) => Math.floor((months(time) - months(anchor) - (time.slice(8) < anchor.slice(8) ? 1 : 0)) / length),
    start: (number) => {
      const month = months(anchor) + number * length;
      return `${String(Math.floor(month / 12)).padStart(4, "0")}-${String((month % 12) + 1).padStart(2, "0")}-${anchor.slice(8)}`;
    },
  };
}

/** Whether an epoch spans as many whole windows of its own calendar as it says. */
export function isAligned(epoch) {
  const { number, start } = calendar(epoch);
  const first = number(epoch.period_start);
  return start(first) === epoch.period_start && start(first + epoch.windows) === epoch.period_end;
}
