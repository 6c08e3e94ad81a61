// Comforts only: values under the pointer, and lines that can be put out of sight. The page reads whole without them.
"use strict";
(() => {
  const tip = document.getElementById("tip");
  const cells = JSON.parse(document.getElementById("cells").textContent);

  // A drawing's title would pop up over our own tips; as a label it still reaches who cannot see.
  for (const svg of document.querySelectorAll("svg[role=img]")) {
    const [title, about] = [svg.querySelector("title"), svg.querySelector("desc")];
    svg.setAttribute("aria-label", `${title.textContent}. ${about.textContent}`);
    svg.removeAttribute("aria-labelledby");
    title.remove();
  }

  const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const maps = cells && {
    price: new Int16Array(bytesOf(cells.price).buffer),
    mode: bytesOf(cells.mode),
    soc: bytesOf(cells.soc),
  };
  const two = (number) => String(number).padStart(2, "0");

  function cellText(image, event) {
    const box = image.getBoundingClientRect();
    const share = (at, from, size) => Math.min(Math.max((at - from) / size, 0), 0.999999);
    const day = Math.floor(share(event.clientX, box.left, box.width) * cells.days);
    const slot = Math.floor(share(event.clientY, box.top, box.height) * cells.slots);
    const date = new Date(Date.parse(cells.first + "T00:00:00Z") + day * 86400000).toISOString().slice(0, 10);
    const minute = (slot * 1440) / cells.slots;
    const at = day * cells.slots + slot;
    const lines = [`${date} ${two(Math.floor(minute / 60))}:${two(minute % 60)}`];
    if (maps.price[at] === -32768) return `${lines[0]}\n${cells.nothing}`;
    const price = (maps.price[at] * cells.step).toFixed(3).replace("-", "\u2212").replace(".", cells.decimal);
    lines.push(`${price} ${cells.unit}`, cells.modes[maps.mode[at]]);
    if (maps.soc[at] !== 255) lines.push(`SoC ${maps.soc[at]} %`);
    return lines.join("\n");
  }

  function show(text, event) {
    tip.textContent = text;
    tip.hidden = false;
    const room = 14;
    const left = event.clientX + room + tip.offsetWidth > innerWidth ? event.clientX - room - tip.offsetWidth : event.clientX + room;
    const top = event.clientY + room + tip.offsetHeight > innerHeight ? event.clientY - room - tip.offsetHeight : event.clientY + room;
    tip.style.left = `${Math.max(4, left)}px`;
    tip.style.top = `${Math.max(4, top)}px`;
  }

  function point(event) {
    const target = event.target.closest("[data-tip], [data-map]");
    if (!target) tip.hidden = true;
    else show(target.dataset.tip ?? cellText(target, event), event);
  }
  document.addEventListener("pointermove", point);
  document.addEventListener("pointerdown", point);
  document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });

  const hiddenSeries = new Set();
  function drawSeries() {
    for (const part of document.querySelectorAll("svg [data-series]")) {
      part.classList.toggle("away", hiddenSeries.has(part.dataset.series));
    }
    for (const entry of document.querySelectorAll(".series")) {
      entry.setAttribute("aria-pressed", String(!hiddenSeries.has(entry.dataset.series)));
    }
  }
  function toggle(name) {
    if (!hiddenSeries.delete(name)) hiddenSeries.add(name);
    drawSeries();
  }
  for (const entry of document.querySelectorAll(".series")) {
    entry.setAttribute("role", "button");
    entry.tabIndex = 0;
    entry.addEventListener("click", () => toggle(entry.dataset.series));
    entry.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      toggle(entry.dataset.series);
    });
  }
  drawSeries();
})();
