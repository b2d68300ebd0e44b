// Filters, sorts and plays the clips of a page; keys work anywhere but in the search field.
const root = document.documentElement;
const cards = [...document.querySelectorAll(".card")];
const search = document.querySelector("#search");
const order = document.querySelector("#order");
const shown = document.querySelector("#shown");

function toggleTheme() {
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
}

function update() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const card of cards) {
    card.hidden = !words.every((word) => card.dataset.text.includes(word));
    count += card.hidden ? 0 : 1;
    if (card.hidden) card.querySelector("audio")?.pause();
  }
  shown.textContent = `${count} of ${cards.length}`;
}

function sort() {
  const [key, sign] = order.value.split(" ");
  // what has no value comes last in either direction
  const value = (card) => (card.dataset[key] ? Number(sign) * Number(card.dataset[key]) : Infinity);
  const sorted = [...cards].sort((a, b) => value(a) - value(b) || a.dataset.place - b.dataset.place);
  document.querySelector(".cards").append(...sorted);
}

function move(step) {
  const visible = [...document.querySelectorAll(".card:not([hidden])")];
  const place = visible.indexOf(document.activeElement.closest?.(".card"));
  const next = visible[place < 0 ? 0 : Math.min(Math.max(place + step, 0), visible.length - 1)];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function play(card) {
  const sound = card?.querySelector("audio");
  if (sound) sound.paused ? sound.play() : sound.pause();
}

for (const card of cards) {
  const sound = card.querySelector("audio");
  const picture = card.querySelector(".spectrogram");
  if (!sound || !picture) continue;
  const line = picture.querySelector("i");
  const seconds = Number(picture.dataset.seconds);
  const draw = () => {
    line.style.visibility = "visible";
    line.style.left = `${Math.min(100, (100 * sound.currentTime) / seconds)}%`;
    if (!sound.paused) requestAnimationFrame(draw);
  };
  for (const event of ["play", "seeked"]) sound.addEventListener(event, draw);
  sound.addEventListener("play", () => {
    for (const other of document.querySelectorAll("audio")) if (other !== sound) other.pause();
  });
  picture.addEventListener("click", (click) => {
    const box = picture.getBoundingClientRect();
    sound.currentTime = ((click.clientX - box.left) / box.width) * seconds;
    sound.play();
  });
}

document.querySelector("#theme").addEventListener("click", toggleTheme);
search?.addEventListener("input", update);
order?.addEventListener("change", sort);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") document.activeElement.blur();
  if (event.target.closest("input, select, button, audio")) return;
  const actions = {
    j: () => move(1),
    k: () => move(-1),
    " ": () => play(document.activeElement.closest(".card")),
    "/": () => search?.focus(),
    t: toggleTheme,
  };
  if (actions[event.key] && (event.key !== " " || document.activeElement.closest(".card"))) {
    event.preventDefault();
    actions[event.key]();
  }
});
if (search) update();
