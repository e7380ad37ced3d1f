// All text of the page whose contrast to what is behind it is below 4.5 (WCAG 2, AA), by computed colours.
() => {
  const LEAST = 4.5
  const SKIPPED = ".visually-hidden, :disabled, [aria-disabled=true], .thinking, option, .menu:not(:popover-open)"
  const canvas = document.createElement("canvas")
  canvas.width = canvas.height = 1
  const pen = canvas.getContext("2d", { willReadFrequently: true })

  const luminance = (colours) => {
    pen.clearRect(0, 0, 1, 1)
    for (const colour of colours) {
      pen.fillStyle = colour
      pen.fillRect(0, 0, 1, 1)
    }
    const linear = (value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    const [red, green, blue] = [...pen.getImageData(0, 0, 1, 1).data].map((value) => linear(value / 255))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const ancestors = (element) => (element ? [...ancestors(element.parentElement), element] : [])
  const contrast = (element) => {
    const behind = ancestors(element).map((each) => getComputedStyle(each).backgroundColor)
    const text = luminance([...behind, getComputedStyle(element).color])
    const [dark, light] = [luminance(behind), text].sort((one, other) => one - other)
    return (light + 0.05) / (dark + 0.05)
  }

  const poor = new Set()
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement
    const words = walker.currentNode.data.trim()
    const visible = element.checkVisibility({ opacityProperty: true, visibilityProperty: true })
    if (!words || !visible || element.closest(SKIPPED)) continue
    const ratio = contrast(element)
    if (ratio < LEAST) poor.add(`${ratio.toFixed(2)} ${element.tagName}.${element.className}: ${words.slice(0, 40)}`)
  }
  return [...poor]
}
