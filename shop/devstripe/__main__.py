"""python -m shop.devstripe"""

from .cli import main

main()
