"""Who may do what: every operation of the API, and how it answers each of seven people.

Written by hand; nothing here is computed from the code. A cell is the status of a real request with valid
input, sent about what the OWNER has (what everybody has of their own is sent about their own). The four staff
roles are signed in as themselves: their work is in the admin, and the API gives them no more than a customer.

200 201 202 204  done              401  sign in first
404              not there for you, in the words for what is nowhere
409              signed in already; staff do not delete themselves
                                                                       (auth_code: 401, no sign-in is half done)

A name with a dot is the same operation with another proof:
  .token    with the OrderToken of that order: whoever holds it holds the order
  .foreign  with a good OrderToken of another order
  .guessed  with an id like the real one, but not it
  .theirs   about a thing of the owner's, where the plain row is about one's own
"""

TABLE = """
                                        stranger other owner warehouse support editor manager
products_list                              200    200   200     200      200    200     200
products_retrieve                          200    200   200     200      200    200     200
bundles_list                               200    200   200     200      200    200     200
bundles_retrieve                           200    200   200     200      200    200     200
categories_list                            200    200   200     200      200    200     200
refill_estimate                            200    200   200     200      200    200     200
back_in_stock_create                       202    202   202     202      202    202     202
articles_list                              200    200   200     200      200    200     200
articles_retrieve                          200    200   200     200      200    200     200
topics_list                                200    200   200     200      200    200     200
search                                     200    200   200     200      200    200     200

cart_create                                201    201   201     201      201    201     201
cart_retrieve                              200    200   200     200      200    200     200
cart_retrieve.guessed                      404    404   404     404      404    404     404
cart_update                                200    200   200     200      200    200     200
cart_update.guessed                        404    404   404     404      404    404     404
cart_line_create                           201    201   201     201      201    201     201
cart_line_create.guessed                   404    404   404     404      404    404     404
cart_line_update                           200    200   200     200      200    200     200
cart_line_update.guessed                   404    404   404     404      404    404     404
cart_line_update.theirs                    404    404   404     404      404    404     404
cart_line_delete                           200    200   200     200      200    200     200
cart_line_delete.guessed                   404    404   404     404      404    404     404
cart_line_delete.theirs                    404    404   404     404      404    404     404
cart_shipping_methods                      200    200   200     200      200    200     200
cart_shipping_methods.guessed              404    404   404     404      404    404     404
cart_checkout                              201    201   201     201      201    201     201
cart_checkout.guessed                      404    404   404     404      404    404     404

order_retrieve                             404    404   200     404      404    404     404
order_retrieve.token                       200    200   200     200      200    200     200
order_retrieve.foreign                     404    404   200     404      404    404     404
order_payment                              404    404   200     404      404    404     404
order_payment.token                        200    200   200     200      200    200     200
order_payment.foreign                      404    404   200     404      404    404     404
order_cancel                               404    404   200     404      404    404     404
order_cancel.token                         200    200   200     200      200    200     200
order_cancel.foreign                       404    404   200     404      404    404     404
order_refresh                              404    404   200     404      404    404     404
order_refresh.token                        200    200   200     200      200    200     200
order_refresh.foreign                      404    404   200     404      404    404     404
order_reorder                              404    404   201     404      404    404     404
order_reorder.token                        201    201   201     201      201    201     201
order_reorder.foreign                      404    404   201     404      404    404     404
order_withdrawal                           404    404   201     404      404    404     404
order_withdrawal.token                     201    201   201     201      201    201     201
order_withdrawal.foreign                   404    404   201     404      404    404     404
order_invoice                              404    404   200     404      404    404     404
order_invoice.token                        200    200   200     200      200    200     200
order_invoice.foreign                      404    404   200     404      404    404     404
order_document                             404    404   200     404      404    404     404
order_document.token                       200    200   200     200      200    200     200
order_document.foreign                     404    404   404     404      404    404     404

me_retrieve                                401    200   200     200      200    200     200
me_change                                  401    200   200     200      200    200     200
me_addresses                               401    200   200     200      200    200     200
me_address_create                          401    201   201     201      201    201     201
me_address_retrieve                        401    404   200     404      404    404     404
me_address_change                          401    404   200     404      404    404     404
me_address_remove                          401    404   204     404      404    404     404
me_cards                                   401    200   200     200      200    200     200
me_card_setup                              401    201   201     201      201    201     201
me_card_setup.theirs                       401    404   201     404      404    404     404
me_card_confirm                            401    404   200     404      404    404     404
me_card_remove                             401    404   204     404      404    404     404
me_cart                                    401    200   200     200      200    200     200
me_cart_merge                              401    200   200     200      200    200     200
my_orders_list                             401    200   200     200      200    200     200

me_export                                  401    200   200     200      200    200     200
me_forget                                  401    202   202     409      409    409     409

subscription_list                          401    200   200     200      200    200     200
subscription_retrieve                      401    404   200     404      404    404     404
subscription_skip                          401    404   200     404      404    404     404
subscription_unskip                        401    404   200     404      404    404     404
subscription_pause                         401    404   200     404      404    404     404
subscription_resume                        401    404   200     404      404    404     404
subscription_change_quantity               401    404   200     404      404    404     404
subscription_reschedule                    401    404   200     404      404    404     404
subscription_change_card                   401    404   200     404      404    404     404
subscription_change_address                401    404   200     404      404    404     404
subscription_cancel                        401    404   200     404      404    404     404
subscription_lengthen                      401    404   200     404      404    404     404
subscription_send_now                      401    404   200     404      404    404     404
subscription_send_now_price                401    404   200     404      404    404     404
subscription_swap                          401    404   200     404      404    404     404
subscription_swap_choices                  401    404   200     404      404    404     404
subscription_items                         401    404   200     404      404    404     404
subscription_item_remove                   401    404   200     404      404    404     404
refill_item_add                            401    404   200     404      404    404     404
refill_item_remove                         401    404   200     404      404    404     404
refill_retrieve                            401    404   200     404      404    404     404

auth_session                               401    200   200     200      200    200     200
auth_logout                                204    204   204     204      204    204     204
auth_login                                 200    409   409     409      409    409     409
auth_signup                                202    409   409     409      409    409     409
auth_email_verify                          204    204   204     204      204    204     204
auth_password_request                      204    204   204     204      204    204     204
auth_password_reset                        204    204   204     204      204    204     204
auth_password_change                       401    200   200     200      200    200     200
auth_reauthenticate                        401    200   200     200      200    200     200
auth_email_list                            401    200   200     200      200    200     200
auth_email_change                          401    200   200     200      200    200     200
auth_email_drop                            401    200   200     200      200    200     200
auth_sessions                              401    200   200     200      200    200     200
auth_sessions_end                          401    200   200     200      200    200     200
auth_sessions_end.theirs                   401    400   204     400      400    400     400
auth_code                                  200    401   401     401      401    401     401
auth_code_again                            401    200   200     200      200    200     200
auth_authenticators                        401    200   200     200      200    200     200
auth_totp                                  401    200   200     200      200    200     200
auth_totp_set                              401    200   200     200      200    200     200
auth_totp_drop                             401    200   200     200      200    200     200
auth_recovery_codes                        401    200   200     200      200    200     200
"""
