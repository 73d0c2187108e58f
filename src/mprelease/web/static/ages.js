// Relative times count on while a page is open, in the server's words; the exact time is their title.

const text = document.getElementById("words").dataset;
const UNITS = [
  ["ageDay", 86_400],
  ["ageHour", 3600],
  ["ageMinute", 60],
];

/** Shows all relative times as they are at `now`, in ms. */
export function showAges(now) {
  for (const time of document.querySelectorAll("time[data-age]")) {
    const seconds = Math.floor((now - Date.parse(time.dateTime)) / 1000);
    const [unit, length] = UNITS.find(([, least]) => seconds >= least) ?? ["ageNow", 1];
    const words = text[unit].replace("{count}", Math.floor(seconds / length));
    if (time.textContent !== words) time.textContent = words;
  }
}
