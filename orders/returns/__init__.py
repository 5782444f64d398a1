"""What customers take back: orders cancelled before they leave, withdrawals, goods that come back.

Money and stock are decided apart: a refund never implies a restock, and a restock never a refund.
"""
