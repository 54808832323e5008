// Keeps folded groups of the menu folded. Loaded without defer, right behind the menu, so that nothing moves.
{
  const KEY = "folded-menu-groups";
  const read = () => (localStorage.getItem(KEY) || "").split(",").filter(Boolean);
  for (const group of document.querySelectorAll("#menu details")) {
    const name = group.querySelector("summary").id;
    if (read().includes(name) && !group.querySelector("[aria-current]")) group.open = false;
    group.addEventListener("toggle", () => {
      const others = read().filter((one) => one !== name);
      localStorage.setItem(KEY, (group.open ? others : [...others, name]).join(","));
    });
  }
}
